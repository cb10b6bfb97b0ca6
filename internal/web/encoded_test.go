package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"testing"
)

func TestThePageIsSentCompressed(t *testing.T) {
	r := newRig(t)
	script := r.server.page.vars.Assets + "/app.js"
	with := func(name, value string) func(*http.Request) {
		return func(req *http.Request) { req.Header.Set(name, value) }
	}
	plain := text(t, r.request("GET", script, ""))
	for accepts, zipped := range map[string]bool{
		"": false, "gzip": true, "gzip, deflate, br, zstd": true, "br;q=1.0, GZIP ; q=0.5": true, "*": true, "*;q=0": false,
		"identity": false, "gzip;q=0": false, "*, gzip;q=0.0": false, "gzip;q=0.001": true, "gzip;q=many": false, "x-gzip": true, "gzipped": false, ",": false,
	} {
		for _, target := range []string{script, "/", "/join"} {
			res := r.request("GET", target, "", with("Accept-Encoding", accepts))
			if got := res.Header.Get("Content-Encoding") == "gzip"; got != zipped {
				t.Errorf("%s, %q: compressed %t", target, accepts, got)
			}
			if got := res.Header.Get("Vary"); got != "Accept-Encoding" {
				t.Errorf("%s, %q: Vary %q", target, accepts, got)
			}
			content, err := io.ReadAll(res.Body)
			if err != nil || res.Header.Get("Content-Length") != "" && int(res.ContentLength) != len(content) {
				t.Errorf("%s, %q: %d bytes, %v", target, accepts, len(content), err)
			}
			if target != script {
				continue
			}
			if zipped {
				z, err := gzip.NewReader(bytes.NewReader(content))
				if err != nil {
					t.Fatal(err)
				}
				if content, err = io.ReadAll(z); err != nil {
					t.Fatal(err)
				}
			}
			if string(content) != plain {
				t.Errorf("%q: another content", accepts)
			}
		}
	}
}

// Each encoding has an ETag of its own, and one that the browser has is not
// sent again.
func TestThePageIsNotSentAgain(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"/app.js", "/app.css"} {
		target := r.server.page.vars.Assets + name
		get := func(accepts, has string) *http.Response {
			return r.request("GET", target, "", func(req *http.Request) {
				req.Header.Set("Accept-Encoding", accepts)
				if has != "" {
					req.Header.Set("If-None-Match", has)
				}
			})
		}
		zipped, plain := get("gzip", "").Header.Get("ETag"), get("", "").Header.Get("ETag")
		if zipped == plain || zipped == "" || plain == "" {
			t.Fatalf("%s: ETags %q and %q", name, zipped, plain)
		}
		for _, c := range []struct {
			accepts, has string
			want         int
		}{
			{"gzip", zipped, 304}, {"", plain, 304}, {"gzip", `"x", W/` + zipped, 304}, {"gzip", "*", 304},
			{"gzip", plain, 200}, {"", zipped, 200}, {"gzip", `"x"`, 200},
		} {
			res := get(c.accepts, c.has)
			if body := text(t, res); res.StatusCode != c.want || (body == "") != (c.want == 304) || res.Header.Get("ETag") == "" || res.Header.Get("Cache-Control") == "no-store" {
				t.Errorf("%s with %q, has %s: %d, %d bytes", name, c.accepts, c.has, res.StatusCode, len(body))
			}
		}
	}
}
