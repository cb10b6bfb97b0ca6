package web

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// origin is where browsers reach us, as they write it in the Origin header:
// lower case and without the scheme's own port. The Host header of a request
// is never looked at: addresses come from here, a cookie is bound to its host
// by the browser, and whatever changes something has to come from this origin.
type origin struct {
	url    string // "https://pop.firm.example"
	socket string // "wss://pop.firm.example"
	secure bool
}

func parseOrigin(publicURL string) (origin, error) {
	u, err := url.Parse(publicURL)
	switch {
	case err != nil:
		return origin{}, errors.New("public_url is not a URL")
	case u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "", u.User != nil, strings.Trim(u.Path, "/") != "", u.RawQuery != "", u.Fragment != "":
		return origin{}, fmt.Errorf("public_url %q is not scheme://host", u.Redacted())
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return origin{}, fmt.Errorf("public_url %q is plain http and not on loopback", u)
	}
	host := strings.ToLower(u.Hostname())
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if p := u.Port(); p != "" && p != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		host += ":" + p
	}
	return origin{
		url:    u.Scheme + "://" + host,
		socket: strings.Replace(u.Scheme, "http", "ws", 1) + "://" + host,
		secure: u.Scheme == "https",
	}, nil
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback() || strings.EqualFold(host, "localhost")
}

// sent tells whether a page of ours sent the request. An Origin that is there
// decides. Browsers leave it out of some requests of a page to its own server;
// then they have to say same-origin in the other header, which no page can
// set.
func (o origin) sent(r *http.Request) bool {
	if origins, there := r.Header["Origin"]; there {
		return len(origins) == 1 && origins[0] == o.url
	}
	sites := r.Header["Sec-Fetch-Site"]
	return len(sites) == 1 && sites[0] == "same-origin"
}

// client is the address guesses are counted by: an IPv6 subscriber has a whole
// /64 to guess from.
func client(r *http.Request) netip.Prefix {
	a, ok := remote(r)
	if !ok {
		return netip.Prefix{}
	}
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
}

// Client returns whose attempts to sign in count together: an IPv4 address, or
// the /64 of an IPv6 one; the zero Prefix where that is not known.
func Client(r *http.Request) netip.Prefix { return client(r) }

// address is what a session's list shows of where a browser is.
func address(r *http.Request) string {
	if a, ok := remote(r); ok {
		return a.String()
	}
	return ""
}

func remote(r *http.Request) (netip.Addr, bool) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	a, err := netip.ParseAddr(host)
	return a.Unmap().WithZone(""), err == nil
}
