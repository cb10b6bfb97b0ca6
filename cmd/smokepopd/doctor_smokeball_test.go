package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

// Each case is an app that is not registered as it is configured, or a wrong
// key, at a Smokeball that is.
func TestDoctorOnTheApp(t *testing.T) {
	smokeball := func(key, value string) func(*demoWorld, map[string]any) {
		return func(_ *demoWorld, settings map[string]any) {
			of := settings["tenants"].([]map[string]any)[0]["smokeball"].(map[string]any)
			delete(of, key+"_file")
			of[key] = value
		}
	}
	without := func(gone ...string) func(*simulator.Options) {
		return func(o *simulator.Options) {
			all := []string{"contacts/read", "firm/read", "firmusers/read", "matters/read", "staff/read", "users/read"}
			o.Clients[0].Scopes = slices.DeleteFunc(all, func(one string) bool { return slices.Contains(gone, one) })
		}
	}
	for name, c := range map[string]struct {
		as     func(*simulator.Options)
		world  func(*demoWorld, map[string]any)
		paired bool
		then   func(*system) // once paired
		want   map[string]verdict
	}{
		"redirect": {
			as: func(o *simulator.Options) {
				o.Clients[0].RedirectURLs = []string{"https://pop.firm.example/pair/callback/"}
			},
			want: map[string]verdict{
				"redirect of firm.example: Smokeball refuses the redirect URI http://127.0.0.1": probeFail, "client-credentials of firm.example: Smokeball knows": probeOK,
				"api-key of firm.example: Smokeball looks at it only behind": probeSkip, "scopes of firm.example: ": probeSkip,
			},
		},
		"client id": {world: smokeball("client_id", "another-client"), want: map[string]verdict{
			"client-credentials of firm.example: Smokeball does not take the app another-client with its secret (invalid_client)": probeFail,
			"redirect of firm.example: Smokeball does not know the app another-client":                                            probeFail,
		}},
		"client secret": {world: smokeball("client_secret", "another-secret-of-30-characters"), want: map[string]verdict{
			"(invalid_client)": probeFail, "redirect of firm.example: Smokeball shows its sign-in for the redirect URI http://127.0.0.1": probeOK,
		}},
		"API key": {paired: true, then: anotherAPIKey, want: map[string]verdict{
			"account of firm.example: Smokeball refuses everything (403)": probeFail,
			"api-key of firm.example: Smokeball takes the token":          probeFail, "scopes of firm.example: behind a wrong API key": probeSkip,
		}},
		"scope contacts/read": {as: without("contacts/read"), paired: true, want: map[string]verdict{
			"account of firm.example: Harlow & Pryce LLP": probeOK, "api-key of firm.example: Smokeball takes it": probeOK,
			"scopes of firm.example: contacts may not be looked up": probeFail,
		}},
		"other scopes, as 401": {
			as: func(o *simulator.Options) {
				without("matters/read", "staff/read", "firm/read")(o)
				o.MissingScope = http.StatusUnauthorized
			},
			paired: true, want: map[string]verdict{
				"account of firm.example: it answers, asked as extension 101, without saying whose": probeOK, "api-key of firm.example": probeOK,
				"scopes of firm.example: matters may not be read": probeWarn, "scopes of firm.example: staff/read is refused": probeWarn,
			},
		},
		"all is well": {paired: true, want: map[string]verdict{
			"scopes of firm.example: everything smokepop asks for may be asked; the token has contacts/read ": probeOK, "api-key of ": probeOK,
			"redirect of ": probeOK, "client-credentials of ": probeOK,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := startSystem(t, systemOptions{as: c.as, world: c.world})
			if c.paired {
				s.paired(s.firm().Agents[0])
			}
			if c.then != nil {
				c.then(s)
			}
			code, out := s.doctor("--json")
			r, failed := probes(t, out), false
			for what, result := range c.want {
				r.wants(t, result, what)
				failed = failed || result == probeFail
			}
			if failed != (code == exitFailed) {
				t.Errorf("exit code %d:\n%s", code, out)
			}
			if c.paired {
				// What is refused to the doctor is no mark on the agent.
				for _, a := range s.cliAgents() {
					if a.Extension == "101" && a.Pairing.State != screenpop.Paired {
						t.Errorf("the pairing is now %v", a.Pairing)
					}
				}
			}
		})
	}
}

// anotherAPIKey is a key that was changed at Smokeball and not here.
func anotherAPIKey(s *system) {
	s.stop()
	if err := os.WriteFile(filepath.Join(filepath.Dir(s.file), "api-key"), []byte("another-api-key-of-30-characters"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.start(nil, nil)
}

// cliAgents are the agents as the daemon tells of them.
func (s *system) cliAgents() []agentRow {
	s.t.Helper()
	var list agentList
	if err := newAdminClient(s.socket).call(s.t.Context(), http.MethodGet, "/v1/agents", nil, nil, &list); err != nil {
		s.t.Fatal(err)
	}
	return list.Agents
}

// The ways an authorisation server shows what it thinks of a request: none is
// documented of Smokeball's.
func TestDoctorOnTheSignIn(t *testing.T) {
	for name, c := range map[string]struct {
		status   int
		location string
		body     string
		want     verdict
		what     string
	}{
		"page":                 {status: 200, body: "<html>Sign in", want: probeOK, what: "shows its sign-in"},
		"sign-in elsewhere":    {status: 302, location: "/login?client_id=a&redirect_uri=b", want: probeOK, what: "shows its sign-in"},
		"Cognito's own page":   {status: 302, location: "/error?error=redirect_mismatch&client_id=a", want: probeFail, what: "(redirect_mismatch)"},
		"in words":             {status: 400, body: "<p>redirect_mismatch</p>", want: probeFail, what: "(redirect_mismatch)"},
		"without words":        {status: 400, want: probeFail, what: "without saying why"},
		"back to us":           {status: 302, location: "https://pop.firm.example/pair/callback?error=unauthorized_client", want: probeFail, what: "(unauthorized_client)"},
		"back to us, strange":  {status: 302, location: "https://pop.firm.example/pair/callback?error=%1bx", want: probeFail, what: "(an error that smokepop does not know)"},
		"out of order for now": {status: 503, want: probeWarn, what: "503"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.location != "" {
					w.Header().Set("Location", c.location)
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			defer server.Close()
			x := &examination{http: probeClient, cfg: &config.Config{PublicURL: "https://pop.firm.example"}}
			tenant := config.Tenant{Region: "us", Smokeball: config.Smokeball{ClientID: "a", Endpoints: config.Endpoints{Auth: server.URL}}}
			tried(t, "redirect", func(ctx context.Context, n *chart) { x.redirect(ctx, n, tenant) }).wants(t, c.want, c.what)
		})
	}
}

// What the answers of Smokeball's API tell where no simulated one gives them.
func TestDoctorOnOddAccess(t *testing.T) {
	doors := func(status int) (list []door) {
		for _, scope := range []string{"firm/read", "contacts/read"} {
			list = append(list, door{Scope: scope, Status: status, Open: status == http.StatusOK})
		}
		return list
	}
	for name, c := range map[string]struct {
		access accessReport
		want   map[string]verdict
	}{
		"no token is taken": {accessReport{Doors: doors(401)}, map[string]verdict{"account: Smokeball takes no token": probeFail, "api-key: ": probeSkip, "scopes: ": probeSkip}},
		"broken":            {accessReport{Doors: doors(502)}, map[string]verdict{"account: Smokeball did not answer": probeFail, "api-key: ": probeSkip, "scopes: ": probeSkip}},
		"scopes untold":     {accessReport{Firm: "F", Doors: doors(200)}, map[string]verdict{"account: F": probeOK, "scopes: everything": probeOK}},
		"token names fewer": {accessReport{Firm: "F", Scopes: []string{"firm/read", "contacts/read"}, Doors: doors(200)}, map[string]verdict{"scopes: the token does not name staff/read": probeWarn}},
	} {
		t.Run(name, func(t *testing.T) {
			r := tried(t, "account", func(_ context.Context, n *chart) {
				judgeAccess(n, config.Tenant{}, screenpop.AgentID{Extension: "101"}, c.access)
			})
			for what, result := range c.want {
				r.wants(t, result, what)
			}
		})
	}
}
