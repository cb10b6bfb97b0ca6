package daemon

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"testing"
	"testing/synctest"
	"time"
)

// An answer that another node gives may go on for longer than the server's limits
// for requests that end.
func TestALastingAnswerOutlivesTheServersLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lines = 12
		inner := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for i := range lines {
				fmt.Fprintln(w, i)
				_ = http.NewResponseController(w).Flush()
				time.Sleep(writeTimeout - time.Second)
			}
		})
		wires := &wires{listeners: map[string]*pipeListener{}}
		serve := func(name string, h http.Handler) {
			l := wires.listen(name)
			s := newServer(name, l, h, slog.New(slog.DiscardHandler))
			served := make(chan error, 1)
			go func() { served <- s.serve() }()
			t.Cleanup(func() {
				if err := s.stop(context.WithoutCancel(t.Context())); err != nil {
					t.Error(err)
				}
				<-served
			})
		}
		to, err := url.Parse("http://127.0.0.1:2")
		if err != nil {
			t.Fatal(err)
		}
		transport := &http.Transport{DialContext: wires.dial, DisableKeepAlives: true}
		proxy := &httputil.ReverseProxy{Transport: transport, FlushInterval: -1, Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(to) }}
		serve("127.0.0.1:2", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inner(lasting(w), r) }))
		serve("127.0.0.1:1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { proxy.ServeHTTP(lasting(w), r) }))
		res, err := (&http.Client{Transport: transport}).Get("http://127.0.0.1:1/")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		n := 0
		for s := bufio.NewScanner(res.Body); s.Scan(); n++ {
		}
		if n != lines {
			t.Errorf("of %d lines %d came", lines, n)
		}
	})
}
