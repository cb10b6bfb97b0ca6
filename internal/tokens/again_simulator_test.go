package tokens

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"sync"
	"testing"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// simRig is a rig at the simulated Smokeball, over sockets.
func simRig(t *testing.T, o simulator.Options) (*rig, *simulator.Smokeball) {
	client := simulator.DefaultClient(redirect)
	o.Firm, o.Clients = simulator.NewFirm(), []simulator.Client{client}
	sim := simulator.NewSmokeball(o)
	web := httptest.NewServer(sim)
	t.Cleanup(web.Close)
	return newRig(t, func(cfg *Config) {
		cfg.Tenants[0].OAuth = smokeball.NewOAuth(smokeball.OAuthConfig{
			AuthBase: web.URL, ClientID: client.ID, ClientSecret: screenpop.Secret(client.Secret), RedirectURL: redirect, HTTP: web.Client(),
		})
		cfg.Tenants[0].API = smokeball.NewClient(smokeball.ClientConfig{
			APIBase: web.URL, APIKey: screenpop.Secret(client.APIKey), ClientID: client.ID, HTTP: web.Client(),
			Budget: smokeball.NewBudgets().For(web.URL, client.ID, 0, 0),
		})
	}), sim
}

// signIn is a tab that goes to Smokeball and comes back.
func (r *rig) signIn(sim *simulator.Smokeball, email string) url.Values {
	r.t.Helper()
	back, err := sim.SignIn(r.target(), email)
	if err != nil {
		r.t.Fatal(err)
	}
	return queryOf(r.t, back)
}

func queryOf(t testing.TB, raw string) url.Values {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// learnt waits until it is known who has signed in.
func (r *rig) learnt() screenpop.Pairing {
	r.t.Helper()
	for {
		if p := r.keeper.Pairing(priya); p.Account != "" {
			return p
		}
		select {
		case <-r.bell.rung:
		case <-r.t.Context().Done():
			r.t.Fatal("it is never found out who has signed in")
		}
	}
}

// Two tabs pair at once, in every order: one record, one grant that is good,
// and every other grant revoked.
func TestTwoTabsPairingAtOnce(t *testing.T) {
	const email = "priya@firm.example"
	for name, finish := range map[string]func(r *rig, sim *simulator.Smokeball, a, b url.Values){
		"in order": func(r *rig, _ *simulator.Smokeball, a, b url.Values) {
			r.mustFinish(a)
			r.mustFinish(b)
		},
		"the other way round": func(r *rig, _ *simulator.Smokeball, a, b url.Values) {
			r.mustFinish(b)
			r.mustFinish(a)
		},
		"the first is slow": func(r *rig, sim *simulator.Smokeball, a, b url.Values) {
			interleave(r, sim, a, b)
		},
		"the second is slow": func(r *rig, sim *simulator.Smokeball, a, b url.Values) {
			interleave(r, sim, b, a)
		},
		"together": func(r *rig, _ *simulator.Smokeball, a, b url.Values) {
			var both sync.WaitGroup
			both.Go(func() { r.mustFinish(a) })
			both.Go(func() { r.mustFinish(b) })
			both.Wait()
		},
	} {
		for _, rotation := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				r, sim := simRig(t, simulator.Options{Rotation: rotation})
				a, b := r.signIn(sim, email), r.signIn(sim, email)
				finish(r, sim, a, b)
				r.restart() // waits for what goes on beside
				grants, good := sim.Grants(), 0
				for _, g := range grants {
					if !g.Revoked {
						good++
					}
				}
				if len(grants) != 2 || good != 1 {
					t.Errorf("%d of %d grants are good", good, len(grants))
				}
				if paths, err := r.vault.List(t.Context(), Records); err != nil || len(paths) != 1 {
					t.Errorf("stored: %q %v", paths, err)
				}
				if token, err := r.keeper.Renew(t.Context(), priya, r.token()); err != nil || token == "" {
					t.Errorf("the pairing that is left does not work: %v", err)
				}
			})
		}
	}
}

func (r *rig) mustFinish(q url.Values) {
	if err := r.finish(q); err != nil {
		r.t.Error(err)
	}
}

// interleave lets the slow tab's code be exchanged first and answered last.
func interleave(r *rig, sim *simulator.Smokeball, slow, quick url.Values) {
	arrived, goOn := make(chan struct{}), make(chan struct{})
	defer sim.Inject(simulator.Fault{Endpoint: simulator.TokenEndpoint, Times: 1, Rewrite: func(map[string]any) { close(arrived); <-goOn }})()
	done := make(chan struct{})
	go func() { defer close(done); r.mustFinish(slow) }()
	<-arrived
	r.mustFinish(quick)
	close(goOn)
	<-done
}

// A shared PC: Smokeball's cookie offers the user before, and one click pairs
// that one. The e-mail tells.
func TestUserBeforeOnASharedPC(t *testing.T) {
	r, _ := simRig(t, simulator.Options{})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer browser.CloseIdleConnections()
	daniel := staffID("daniel@firm.example")
	// Daniel has used the browser for something of his own.
	_ = submit(t, browser, r.target(), url.Values{"user": {daniel}})

	// Priya presses what stands first: "Sign in as Daniel".
	target := r.target()
	page := get(t, browser, target)
	user := regexp.MustCompile(`(?s)name="user" value="([^"]+)"`).FindStringSubmatch(page)
	if user == nil || user[1] != daniel {
		t.Fatalf("the page does not offer the user before first:\n%s", page)
	}
	r.mustFinish(submit(t, browser, target, url.Values{"user": {user[1]}}))
	p := r.learnt()
	if p.State != screenpop.Paired || p.Account != "Daniel Okafor" || p.EmailMatches == nil || *p.EmailMatches || p.Problem != problemMisfit {
		t.Errorf("%+v", p)
	}

	// Signed in as herself, all is well, without unpairing first.
	r.mustFinish(submit(t, browser, r.target(), url.Values{"user": {staffID("priya@firm.example")}}))
	for p = r.learnt(); p.Account != "Priya Shah"; p = r.keeper.Pairing(priya) {
		<-r.bell.rung
	}
	if p.EmailMatches == nil || !*p.EmailMatches || p.Problem != "" {
		t.Errorf("%+v", p)
	}
}

// target is where a new pairing sends the browser.
func (r *rig) target() string {
	r.t.Helper()
	target, err := r.keeper.Begin(r.t.Context(), priya, r.session)
	if err != nil {
		r.t.Fatal(err)
	}
	return target
}

func staffID(email string) string {
	for _, s := range simulator.NewFirm().Staff {
		if s.Email == email {
			return s.ID
		}
	}
	return ""
}

func get(t *testing.T, browser *http.Client, target string) string {
	t.Helper()
	res, err := browser.Get(target)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// submit answers Smokeball's page and returns what the browser brings back.
func submit(t *testing.T, browser *http.Client, target string, form url.Values) url.Values {
	t.Helper()
	res, err := browser.PostForm(target, form)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusFound {
		t.Fatalf("the page answers %s", res.Status)
	}
	return queryOf(t, res.Header.Get("Location"))
}
