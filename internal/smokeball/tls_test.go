package smokeball

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestOldTLSIsRefused(t *testing.T) {
	for version, want := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"access_token":"a"}`)
		}))
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: version}
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		client := NewHTTPClient("")
		client.Transport.(unquoted).base.(named).base.(*http.Transport).TLSClientConfig.RootCAs = s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		o := NewOAuth(OAuthConfig{AuthBase: s.URL, ClientID: "c", ClientSecret: "s", HTTP: client})
		if _, err := o.Refresh(t.Context(), "r"); (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		client.CloseIdleConnections()
		s.Close()
	}
}
