package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"time"
)

// clockTolerance is how far the clocks may differ: beyond it tokens seem to
// live longer or shorter than they do.
const clockTolerance = time.Minute

// knock asks a host of Smokeball for anything, without credentials: any answer
// will do, and has the time in it.
func (x *examination) knock(ctx context.Context, c *chart, address string) {
	start := time.Now()
	res, err := get(ctx, x.http, address+"/")
	var cert *tls.CertificateVerificationError
	switch {
	case errors.As(err, &cert):
		c.fail("something stands between this machine and Smokeball, or its list of authorities is old (ca-certificates)", "%s: %v", address, cert)
		return
	case err != nil:
		c.fail("check DNS, the firewall and the proxy: this machine has to reach it", "%s: no answer: %v", address, cause(err))
		return
	}
	// The answer was made some time between the two; the header counts seconds.
	now := time.Now()
	at, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		c.warn("is it a proxy that answers?", "%s: answers without saying the time", address)
		return
	}
	off := start.Add(now.Sub(start) / 2).Sub(at).Truncate(time.Second)
	if off.Abs() > clockTolerance {
		c.warn("set this machine's clock (timedatectl set-ntp true): tokens would seem to live longer or shorter than they do",
			"%s: answers, and the clocks differ by %v", address, off.Abs())
		return
	}
	c.ok("%s: answers in %d ms, the clocks agree", address, now.Sub(start).Milliseconds())
}
