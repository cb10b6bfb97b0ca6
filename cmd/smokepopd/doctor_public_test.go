package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/config"
)

// front is what stands at the public address before the daemon.
type front struct {
	handler atomic.Pointer[http.Handler]
	to      *url.URL
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*f.handler.Load()).ServeHTTP(w, r)
}

func (f *front) is(h http.Handler) { f.handler.Store(&h) }

// proxy passes on to the daemon what change makes of a request.
func (f *front) proxy(change func(*httputil.ProxyRequest)) http.Handler {
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(f.to); change(r) }}
}

func forwarded(r *httputil.ProxyRequest) { r.SetXForwarded() }

// behind is a system whose public address is a front's.
func behind(t *testing.T, tls bool, change func(map[string]any)) (*system, *front, *httptest.Server) {
	t.Helper()
	f := &front{}
	server := httptest.NewUnstartedServer(f)
	if tls {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	s := startSystem(t, systemOptions{world: func(_ *demoWorld, settings map[string]any) {
		settings["public_url"] = server.URL
		change(settings)
	}})
	var err error
	if f.to, err = url.Parse(s.world.public); err != nil {
		t.Fatal(err)
	}
	f.is(f.proxy(forwarded))
	return s, f, server
}

// One thing after the other is wrong between the browsers and the daemon.
func TestDoctorOnThePublicAddress(t *testing.T) {
	s, f, server := behind(t, false, func(map[string]any) {})
	r := s.doctored()
	r.wants(t, probeOK, "public-url: "+server.URL+" leads to this daemon")
	r.wants(t, probeOK, "websocket: a websocket comes through")
	r.wants(t, probeWarn, "trusted-proxies: requests come from 127.0.0.1 with X-Forwarded-For, and it is not in trusted_proxies")

	answer := func(status int, location string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if location != "" {
				w.Header().Set("Location", location)
			}
			w.WriteHeader(status)
		})
	}
	for _, c := range []struct {
		front http.Handler
		want  verdict
		what  string
	}{
		{f.proxy(func(r *httputil.ProxyRequest) { r.Out.Header.Del("Upgrade"); r.Out.Header.Del("Connection") }), probeFail, "websocket: websockets do not come through: " + server.URL + "/ws answers 426"},
		{answer(200, ""), probeFail, "public-url: another site than this daemon answers at " + server.URL},
		{answer(404, ""), probeFail, "another site than this daemon answers"},
		{answer(301, "https://www.firm.example/x"), probeFail, "public-url: " + server.URL + " sends browsers on to https://www.firm.example"},
		{answer(502, ""), probeFail, "public-url: a proxy at " + server.URL + " does not reach the daemon"},
		{answer(401, ""), probeFail, "public-url: something before the daemon refuses"},
	} {
		f.is(c.front)
		r := s.doctored()
		r.wants(t, c.want, c.what)
		if !strings.HasPrefix(c.what, "websocket") {
			r.wants(t, probeSkip, "websocket: not tried")
		}
	}
	server.Close()
	s.doctored().wants(t, probeFail, "public-url: "+server.URL+" does not answer on this machine")
	s.stop()
	s.doctored().wants(t, probeSkip, "public-url: "+server.URL+" does not answer")
}

func TestDoctorOnATrustedProxy(t *testing.T) {
	s, f, _ := behind(t, false, func(settings map[string]any) { settings["trusted_proxies"] = []string{"127.0.0.1"} })
	f.is(f.proxy(func(r *httputil.ProxyRequest) { r.Out.Header.Set("X-Forwarded-For", "203.0.113.9") }))
	s.doctored().wants(t, probeOK, "trusted-proxies: requests come through 127.0.0.1, which is trusted, for 203.0.113.9")
}

// As a browser that trusts the proxy's certificate sees it, and as others do.
func TestDoctorOnTLSAtTheProxy(t *testing.T) {
	s, f, server := behind(t, true, func(settings map[string]any) { settings["trusted_proxies"] = []string{"127.0.0.1"} })
	s.doctored().wants(t, probeFail, "public-url: browsers will not open "+server.URL)

	cfg, err := config.Load(s.file, nil)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	x := &examination{cfg: cfg, roots: roots, http: probeClient, daemon: newAdminClient(s.socket), agents: []agentRow{}}
	r := tried(t, "public-url", x.public)
	r.wants(t, probeOK, "public-url: "+server.URL+" leads to this daemon")
	r.wants(t, probeOK, "certificate: the certificate of 127.0.0.1 is good for ")
	r.wants(t, probeOK, "websocket: a websocket comes through")
	r.wants(t, probeOK, "trusted-proxies: requests come through 127.0.0.1, which is trusted")

	f.is(f.proxy(func(r *httputil.ProxyRequest) { r.SetXForwarded(); r.Out.Header.Set("X-Forwarded-Proto", "http") }))
	tried(t, "public-url", x.public).wants(t, probeWarn, "trusted-proxies: the proxy 127.0.0.1 was asked by plain http")
	f.is(f.proxy(func(*httputil.ProxyRequest) {}))
	tried(t, "public-url", x.public).wants(t, probeWarn, "trusted-proxies: requests come from 127.0.0.1, which is in trusted_proxies, without X-Forwarded-For")
}

func TestDoctorOnANameThatIsNotThere(t *testing.T) {
	x := &examination{cfg: &config.Config{PublicURL: "https://pop.firm.example"}, resolver: &net.Resolver{
		PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no name server") },
	}}
	tried(t, "public-url", x.public).wants(t, probeFail, "the name pop.firm.example cannot be resolved")
}

// A certificate that is not good yet is one that our clock thinks so of.
func TestDoctorOnAClockThatIsBehind(t *testing.T) {
	for _, c := range []struct {
		begin, end time.Duration
		do         string
	}{{time.Hour, 48 * time.Hour, "this machine's clock says "}, {-48 * time.Hour, -time.Hour, "renew the certificate"}} {
		pair := certifiedFor(t, "pop.firm.example", time.Now().Add(c.begin), time.Now().Add(c.end))
		dir := t.TempDir()
		crt, key := filepath.Join(dir, "crt"), filepath.Join(dir, "key")
		pair.write(t, crt, key)
		both, err := tls.LoadX509KeyPair(crt, key)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{both}}
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.StartTLS()
		n, r := &chart{probe: "smokeball"}, &doctorReport{}
		(&examination{http: probeClient}).knock(t.Context(), n, server.URL)
		server.Close()
		if r.add(n); len(r.Probes) != 1 || r.Probes[0].Result != probeFail || !strings.Contains(r.Probes[0].Do, c.do) {
			t.Errorf("want %q: %+v", c.do, r.Probes)
		}
	}
}
