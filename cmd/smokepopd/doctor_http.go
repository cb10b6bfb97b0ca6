package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/smokepop/smokepop/internal/daemon"
)

// probeClient keeps no connection, follows nothing and gives up in time.
var probeClient = &http.Client{
	Timeout: 5 * time.Second,
	Transport: &http.Transport{
		Proxy: proxy, DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// direct is probeClient for this machine's own addresses, which no proxy leads to.
var direct = &http.Client{
	Timeout:       5 * time.Second,
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// proxy is the environment's. An address that cannot be read may hold a
// password and is not repeated.
func proxy(req *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(req)
	if err != nil {
		return nil, errors.New("the proxy named in the environment (HTTPS_PROXY, HTTP_PROXY) is no address")
	}
	return u, nil
}

// get asks for an address and leaves the answer's body alone.
func get(ctx context.Context, client *http.Client, address string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", daemon.TestAgent)
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	return res, res.Body.Close()
}

// cause is an HTTP client's error without the URL that is named already.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
