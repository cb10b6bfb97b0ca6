package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/simulator"
)

// doctored is what doctor finds on a system now.
func (s *system) doctored(args ...string) doctorReport {
	s.t.Helper()
	_, out := s.doctor(append([]string{"--json"}, args...)...)
	return probes(s.t, out)
}

// The PBX as it answers, and one thing wrong after the other.
func TestDoctorOnThePBX(t *testing.T) {
	s := startSystem(t, systemOptions{world: withAPI("webhook")})
	s.readOnce()
	r := s.doctored()
	r.wants(t, probeOK, "pbx of firm.example: it answers and takes pbx.api.username and its password (version 70.1); the clocks agree")
	r.wants(t, probeFail, "pbx-webhooks of firm.example: no webhook on the PBX leads to "+s.world.public)

	subscribe := []string{"vodia", "subscribe", "--rate", "1000", "--yes"}
	s.cli(subscribe...).wants(t, exitOK)
	s.doctored().wants(t, probeOK, "pbx-webhooks of firm.example: 21 webhooks as they should be, to "+s.world.public)
	s.vodia().SetHook("102", "acturl_connect", "")
	s.vodia().SetHook("103", "acturl_connect", `{"auth":"none","method":"GET","url":"https://other.example/connect"}`)
	r = s.doctored()
	r.wants(t, probeWarn, "pbx-webhooks of firm.example: 1 webhook missing or not as they should be: account 102")
	r.wants(t, probeWarn, "webhooks that lead elsewhere stand where smokepop's should be: account 103")
	s.vodia().SetHook("103", "acturl_connect", "")
	for _, encoding := range []string{"query", "form"} {
		s.cli(append(subscribe, "--encoding", encoding)...).wants(t, exitOK)
		s.doctored().wants(t, probeOK, "pbx-webhooks of firm.example: 21 webhooks as they should be")
	}

	if err := os.WriteFile(filepath.Join(filepath.Dir(s.file), "pbx-password"), []byte("another-password"), 0o600); err != nil {
		t.Fatal(err)
	}
	r = s.doctored()
	r.wants(t, probeFail, "pbx of firm.example: ")
	r.wants(t, probeFail, "the PBX does not accept the user name and password (401)")
	r.wants(t, probeSkip, "pbx-webhooks of firm.example: ")
	s.world.servers[1].Close()
	s.doctored().wants(t, probeFail, "refuses the connection")
}

// A PBX whose clock is wrong, seen through a proxy that tells another time.
func TestDoctorOnThePBXsClock(t *testing.T) {
	var proxied *httptest.Server
	s := startSystem(t, systemOptions{world: func(w *demoWorld, settings map[string]any) {
		w.withPBX(settings)
		to, err := url.Parse(w.pbxURL(0))
		if err != nil {
			t.Fatal(err)
		}
		proxied = httptest.NewServer(&httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
			ModifyResponse: func(res *http.Response) error {
				res.Header.Set("Date", time.Now().Add(-90*time.Minute).UTC().Format(http.TimeFormat))
				return nil
			},
		})
		t.Cleanup(proxied.Close)
		settings["tenants"].([]map[string]any)[0]["pbx"].(map[string]any)["api"].(map[string]any)["url"] = proxied.URL
		setTenant(settings, "pbx", "events", "websocket")
	}})
	r := s.doctored()
	r.wants(t, probeWarn, "pbx of firm.example: it answers and takes pbx.api.username and its password (version 70.1), and the clocks differ by 1h")
	r.wants(t, probeSkip, "pbx-webhooks of firm.example: the calls of this tenant do not come by webhook")
	r.wants(t, probeOK, "live-calls of firm.example: the PBX's websocket lets itself be listened to")
	s.vodia().Inject(simulator.PBXFault{Path: "/websocket", Status: http.StatusForbidden})
	s.doctored().wants(t, probeFail, "live-calls of firm.example: ")
}

func TestDoctorOnTLSFiles(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		host       string
		begin, end time.Duration
		want       verdict
		what       string
	}{
		"good":        {"pop.firm.example", -time.Hour, 60 * 24 * time.Hour, probeOK, "is good for 59 days"},
		"ends soon":   {"pop.firm.example", -time.Hour, 5*24*time.Hour + time.Hour, probeWarn, "ends in 5 days"},
		"has ended":   {"pop.firm.example", -2 * time.Hour, -time.Hour, probeFail, "has ended on"},
		"not yet":     {"pop.firm.example", time.Hour, 48 * time.Hour, probeFail, "begins on"},
		"other name":  {"www.firm.example", -time.Hour, 60 * 24 * time.Hour, probeFail, "www.firm.example"},
		"no such":     {want: probeFail, what: "no such file"},
		"another key": {"pop.firm.example", 0, 0, probeFail, "private key does not match"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			x := &examination{cfg: &config.Config{PublicURL: "https://pop.firm.example", TLS: config.TLS{CertFile: filepath.Join(dir, "crt"), KeyFile: filepath.Join(dir, "key")}}}
			if c.host != "" {
				pair := certifiedFor(t, c.host, now.Add(c.begin), now.Add(c.end))
				if name == "another key" {
					pair.key = certifiedFor(t, c.host, now, now).key
				}
				pair.write(t, x.cfg.TLS.CertFile, x.cfg.TLS.KeyFile)
			}
			tried(t, "certificate-files", x.certificateFiles).wants(t, c.want, c.what)
		})
	}
}

// newProvider is an identity provider nobody here wrote.
func newProvider(t *testing.T, redirectURL string) *httptest.Server {
	t.Helper()
	idp := httptest.NewServer(nil)
	t.Cleanup(idp.Close)
	clients := map[string]*storage.Client{"smokepop": storage.WebClient("smokepop", "the-idps-secret", redirectURL)}
	idp.Config.Handler = exampleop.SetupServer(idp.URL, storage.NewStorageWithClients(storage.NewUserStore(idp.URL), clients),
		slog.New(slog.DiscardHandler), false, op.WithAllowInsecure())
	return idp
}

// The provider nobody here wrote, with the redirect URI registered and not, and
// others as they are known to refuse.
func TestDoctorOnSingleSignOn(t *testing.T) {
	for name, c := range map[string]struct {
		registered string
		issuer     string // behind the provider's address
		want       verdict
		what       string
	}{
		"registered":     {"http://127.0.0.1:1/sign-in/oidc/callback", "", probeOK, "shows its sign-in for the redirect URI http://127.0.0.1:1/sign-in/oidc/callback"},
		"not registered": {"http://127.0.0.1:1/callback", "", probeFail, "refuses a sign-in of this client with the redirect URI http://127.0.0.1:1/sign-in/oidc/callback"},
		"another path":   {"http://127.0.0.1:1/callback", "/realm", probeFail, "has no discovery document (404"},
		"a slash more":   {"http://127.0.0.1:1/callback", "/", probeFail, "is of another issuer than"},
	} {
		t.Run(name, func(t *testing.T) {
			idp := newProvider(t, c.registered)
			x := &examination{http: probeClient, cfg: &config.Config{PublicURL: "http://127.0.0.1:1", SignIn: config.SignIn{OIDC: config.OIDC{
				Issuer: idp.URL + c.issuer, ClientID: "smokepop", Scopes: []string{"openid", "email"},
			}}}}
			tried(t, "single-sign-on", x.signOn).wants(t, c.want, c.what)
			idp.Close()
			tried(t, "single-sign-on", x.signOn).wants(t, probeFail, "does not answer")
		})
	}
	for _, c := range []struct {
		status         int
		location, page string
		refused        bool
	}{
		{302, "https://accounts.google.example/signin/oauth/error?authError=abc", "", true},
		{302, "https://accounts.google.example/v3/signin/identifier", "", false},
		{302, "https://pop.firm.example/sign-in/oidc/callback?error=unauthorized_client", "", true},
		{200, "", "AADSTS50011: The redirect URI specified in the request does not match", true},
		{200, "", "Sign in", false},
		{400, "", "", true},
		{503, "", "", false},
	} {
		res := &http.Response{StatusCode: c.status, Header: http.Header{}}
		if c.location != "" {
			res.Header.Set("Location", c.location)
		}
		if refusedSignOn(res, c.page) != c.refused {
			t.Errorf("%+v", c)
		}
	}
}
