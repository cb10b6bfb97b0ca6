package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
)

// listeners looks at the three addresses: whether somebody listens there while
// the daemon runs, and whether it could while it does not.
func (x *examination) listeners(ctx context.Context, c *chart) {
	l := x.cfg.Listen
	addresses := [][2]string{{"listen.agents", l.Agents}, {"listen.pbx", l.PBX}, {"listen.ops", l.Ops}}
	if l.Agents == l.PBX {
		addresses = append(addresses[:1], addresses[2])
	}
	var listed []string
	for _, a := range addresses {
		key, address := a[0], a[1]
		listed = append(listed, address)
		if x.agents == nil {
			bindable(ctx, c, key, address)
			continue
		}
		base, err := localBase(x.cfg, address)
		if err != nil {
			continue // the configuration's check has refused it
		}
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", base.Host)
		if err != nil {
			c.fail("restart the daemon: these addresses are read at the start alone", "nobody listens on %s %s, and the daemon runs: %v", key, address, err)
			continue
		}
		_ = conn.Close()
	}
	switch {
	case len(c.findings) > 0:
	case x.agents == nil:
		c.ok("the daemon can listen on %s", strings.Join(listed, ", "))
	default:
		c.ok("somebody listens on %s", strings.Join(listed, ", "))
	}
}

// bindable tells whether an address could be listened on. It is bound for a
// moment, and not knocked at: that would have systemd start the daemon.
func bindable(ctx context.Context, c *chart, key, address string) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		_ = l.Close()
	case errors.Is(err, syscall.EADDRINUSE):
		c.warn("that is right if smokepop.socket holds it (systemctl status smokepop.socket); else find the program with ss -ltnp, and take another port",
			"%s %s is held by somebody", key, address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		c.fail("write an address of this machine, or none before the colon for all", "this machine does not have the address of %s %s", key, address)
	case errors.Is(err, fs.ErrPermission):
		c.warn("below 1024 let systemd's socket hold the port, as docs/ops.md has it; or take a higher one", "this user may not listen on %s %s", key, address)
	default:
		c.fail("write host:port with a host of this machine", "nobody can listen on %s %s: %v", key, address, err)
	}
}

// held tells whether somebody holds an address.
func held(ctx context.Context, address string) bool {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err == nil {
		_ = l.Close()
	}
	return errors.Is(err, syscall.EADDRINUSE)
}

// ready asks the ops listener what the daemon lacks.
func (x *examination) ready(ctx context.Context, c *chart) {
	base, err := localBase(x.cfg, x.cfg.Listen.Ops)
	if err != nil {
		c.fail("write host:port", "listen.ops %s", x.cfg.Listen.Ops)
		return
	}
	address := (&url.URL{Scheme: "http", Host: base.Host, Path: "/readyz"}).String()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		c.fail("write host:port", "listen.ops %s", x.cfg.Listen.Ops)
		return
	}
	res, err := direct.Do(req)
	if err != nil {
		c.fail("is another program there, or was listen.ops changed? restart the daemon", "%s does not answer: %v", address, cause(err))
		return
	}
	defer res.Body.Close()
	var said struct {
		Status  string
		Missing []struct{ Part, Problem string }
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&said); err != nil || said.Status == "" {
		c.fail("another program has the port: find it with ss -ltnp, and take another for listen.ops", "%s answers %s, and not as smokepop does", address, res.Status)
		return
	}
	for _, m := range said.Missing {
		c.fail(doAbout(m.Part), "%s: %s", m.Part, m.Problem)
	}
	if len(said.Missing) == 0 {
		c.ok("%s says %s", address, said.Status)
	}
}

func doAbout(part string) string {
	switch part {
	case "store":
		return "look at the disk and at the daemon's log"
	case "tls":
		return "the daemon's log says what the authority answered; port 443 has to be reached from outside"
	}
	return fmt.Sprintf("look at the daemon's log; restart it if %s stays so", part)
}
