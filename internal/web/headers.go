package web

import (
	"net/http"
	"strings"
)

// document is what a content policy says of one of ours beside what it says of
// all of them.
type document struct {
	connect   string // where its scripts may ask
	ancestors string // whose pages may show it in a frame
	sandbox   string // what a sandbox leaves it; empty: it is in none
}

func (d document) policy() string {
	p := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; manifest-src 'self'; connect-src " + d.connect +
		"; frame-ancestors " + d.ancestors + "; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
	if d.sandbox != "" {
		p += "; sandbox " + d.sandbox
	}
	return p
}

// whole is every document but the one for frames: all of the page's ways are
// open to it, and nobody shows it in a frame.
func (o origin) whole() document {
	return document{connect: "'self' " + o.socket, ancestors: "'none'"}
}

// framed is the document that pages of the parents show in a frame. Whatever
// runs in it reaches the websocket and what leads there: the browser refuses
// it pairing, settings, dialling and signing in or out. It may open tabs, and
// lead nobody away from the page around it.
func (o origin) framed(parents []string) document {
	d := document{
		connect:   o.url + "/api/me " + o.url + framePath + " " + o.socket + "/ws",
		ancestors: "'none'",
		sandbox:   "allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox",
	}
	if len(parents) > 0 {
		d.ancestors = strings.Join(parents, " ")
	}
	return d
}

// guarded sets what every answer carries, errors as well.
func (o origin) guarded(next http.Handler) http.Handler {
	policy := o.whole().policy()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("X-Robots-Tag", "noindex")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin-allow-popups")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Cache-Control", "no-store")
		if o.secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// inFrames lets pages of the parents show what next answers.
func (o origin) inFrames(parents []string, next http.HandlerFunc) http.HandlerFunc {
	policy := o.framed(parents).policy()
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		if len(parents) > 0 {
			h.Del("X-Frame-Options") // it can name nobody, and some browsers let it win
		}
		// In a tab of its own this document is in a sandbox, and browsers take no
		// opener policy from there.
		h.Set("Cross-Origin-Opener-Policy", "unsafe-none")
		next(w, r)
	}
}
