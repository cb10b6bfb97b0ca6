package daemon

import (
	"net"
	"net/http"
	"net/netip"

	"github.com/go-chi/chi/v5/middleware"

	"github.com/smokepop/smokepop/internal/web"
)

// realSource sets RemoteAddr to the client that a trusted proxy speaks for, so
// that everything behind it can take RemoteAddr as the truth. From anybody
// else, and without trusted proxies, X-Forwarded-For counts for nothing.
func realSource(trusted []netip.Prefix, next http.Handler) http.Handler {
	if len(trusted) == 0 {
		return next
	}
	prefixes := make([]string, len(trusted))
	for i, p := range trusted {
		prefixes[i] = p.String()
	}
	return middleware.ClientIPFromXFF(prefixes...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ip := middleware.GetClientIPAddr(r.Context()); ip.IsValid() {
			r = r.WithContext(web.WithPeer(r.Context(), r.RemoteAddr))
			r.RemoteAddr = net.JoinHostPort(ip.String(), "0")
		}
		next.ServeHTTP(w, r)
	}))
}
