package tokens

import (
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// The real client of Smokeball against the simulated one, over sockets.
func TestAgainstTheSimulator(t *testing.T) {
	for _, c := range []struct {
		name    string
		options simulator.Options
		user    string
		account string
		matches string
	}{
		{"the extension's person", simulator.Options{}, "priya@firm.example", "Priya Shah", "true"},
		{"a colleague", simulator.Options{}, "daniel@firm.example", "Daniel Okafor", "false"},
		{"the subject is no user's id", simulator.Options{OpaqueSubject: true}, "priya@firm.example", "Harlow & Pryce LLP", "unknown"},
		{"rotation", simulator.Options{Rotation: true}, "priya@firm.example", "Priya Shah", "true"},
		{"an issuer is sent", simulator.Options{Issuer: "set below"}, "priya@firm.example", "Priya Shah", "true"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := simulator.DefaultClient(redirect)
			c.options.Firm, c.options.Clients = simulator.NewFirm(), []simulator.Client{client}
			web := httptest.NewUnstartedServer(nil)
			url0 := "http://" + web.Listener.Addr().String()
			if c.options.Issuer != "" {
				c.options.Issuer = url0
			}
			sim := simulator.NewSmokeball(c.options)
			web.Config.Handler = sim
			web.Start()
			defer web.Close()
			secret := screenpop.Secret(client.Secret)
			r := newRig(t, func(cfg *Config) {
				cfg.Tenants[0].OAuth = smokeball.NewOAuth(smokeball.OAuthConfig{
					AuthBase: url0, ClientID: client.ID, ClientSecret: secret, RedirectURL: redirect, HTTP: web.Client(),
				})
				cfg.Tenants[0].API = smokeball.NewClient(smokeball.ClientConfig{
					APIBase: url0, APIKey: screenpop.Secret(client.APIKey), ClientID: client.ID, HTTP: web.Client(),
					Budget: smokeball.NewBudgets().For(url0, client.ID, 0, 0),
				})
			})
			target, err := r.keeper.Begin(t.Context(), priya, r.session)
			if err != nil {
				t.Fatal(err)
			}
			back, err := sim.SignIn(target, c.user)
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(back)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.finish(u.Query()); err != nil {
				t.Fatal(err)
			}
			for r.keeper.Pairing(priya).Account == "" {
				select {
				case <-r.bell.rung:
				case <-t.Context().Done():
					t.Fatal("it is never found out who has signed in")
				}
			}
			p, matches := r.wantState(screenpop.Paired), "unknown"
			if p.EmailMatches != nil && *p.EmailMatches {
				matches = "true"
			} else if p.EmailMatches != nil {
				matches = "false"
			}
			if p.Account != c.account || matches != c.matches {
				t.Errorf("account %q, matches %s, problem %q", p.Account, matches, p.Problem)
			}

			for range 3 { // with rotation, a token used twice would end it all
				sim.ExpireAccess(c.user)
				stale := r.token()
				tokens, failures := crowd(func() (screenpop.Secret, error) { return r.keeper.Renew(t.Context(), priya, stale) })
				if len(tokens) != 1 || tokens[stale] != 0 || len(failures) != 0 {
					t.Errorf("%d tokens, %v", len(tokens), failures)
				}
			}
			if n := sim.Count(simulator.TokenEndpoint); n != 4 {
				t.Errorf("%d token requests, want 1 exchange and 3 refreshes", n)
			}
			if revoked, err := r.keeper.Unpair(t.Context(), priya); !revoked || err != nil || sim.RevokedCount() != 1 {
				t.Errorf("%v %v, %d revoked", revoked, err, sim.RevokedCount())
			}
		})
	}
}
