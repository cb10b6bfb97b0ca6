package daemon

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestForwardedForIsBelievedFromTrustedProxiesOnly(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, tc := range []struct {
		name      string
		trusted   []netip.Prefix
		remote    string
		forwarded []string
		want      string
	}{
		{"no proxy configured", nil, "203.0.113.9:4000", []string{"10.0.0.1"}, "203.0.113.9:4000"},
		{"a stranger says who it is", trusted, "203.0.113.9:4000", []string{"10.0.0.1"}, "203.0.113.9:0"},
		{"the proxy says who it is", trusted, "10.0.0.1:4000", []string{"203.0.113.9"}, "203.0.113.9:0"},
		{"a client smuggles an address in front", trusted, "10.0.0.1:4000", []string{"192.0.2.1, 203.0.113.9"}, "203.0.113.9:0"},
		{"two headers", trusted, "10.0.0.1:4000", []string{"192.0.2.1", "203.0.113.9"}, "203.0.113.9:0"},
		{"the proxy says nothing", trusted, "10.0.0.1:4000", nil, "10.0.0.1:4000"},
		{"the proxy says nonsense", trusted, "10.0.0.1:4000", []string{"unknown"}, "10.0.0.1:4000"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got string
			h := realSource(tc.trusted, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr }))
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = tc.remote
			r.Header["X-Forwarded-For"] = tc.forwarded
			h.ServeHTTP(httptest.NewRecorder(), r)
			if got != tc.want {
				t.Errorf("source %s, want %s", got, tc.want)
			}
		})
	}
}
