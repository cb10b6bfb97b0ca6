package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// provider is SignOn. Its codes are "code of ADDRESS", good for the attempt they
// were made for.
type provider struct {
	made   SignOnAttempt
	asked  int
	choose bool
	fails  error
}

func (p *provider) AuthorizeURL(_ context.Context, a SignOnAttempt, choose bool) (string, error) {
	p.made, p.choose = a, choose
	return "https://idp.example/authorize?state=" + url.QueryEscape(a.State), p.fails
}

func (p *provider) Email(_ context.Context, code string, a SignOnAttempt) (string, error) {
	p.asked++
	if p.fails != nil {
		return "", p.fails
	}
	email, ok := strings.CutPrefix(code, "code of ")
	if !ok || a != p.made {
		return "", refusedSignOn{403, "Used up."}
	}
	return email, nil
}

type refusedSignOn struct {
	status   int
	sentence string
}

func (e refusedSignOn) Error() string                { return "refused" }
func (e refusedSignOn) SignOnProblem() (int, string) { return e.status, e.sentence }

func newSignOnRig(t *testing.T) (*rig, *provider) {
	p := &provider{}
	return newRig(t, func(_ *rig, c *Config) { c.SignOn, c.SignOnName = p, "The firm" }), p
}

// begins sends a browser to the provider and returns the cookie it got.
func (r *rig) begins(query string) *http.Cookie {
	r.t.Helper()
	res := r.request("GET", signOnPath+query, "", without("Origin"))
	cookies := res.Cookies()
	if res.StatusCode != http.StatusFound || len(cookies) != 1 {
		r.t.Fatalf("%d %v", res.StatusCode, cookies)
	}
	return cookies[0]
}

// comesBack sends the browser back from the provider.
func (r *rig) comesBack(cookie *http.Cookie, query url.Values) (*http.Response, string) {
	r.t.Helper()
	change := []func(*http.Request){without("Origin"), header("Sec-Fetch-Site", "cross-site")}
	if cookie != nil {
		change = append(change, with(cookie))
	}
	res := r.request("GET", SignOnCallback+"?"+query.Encode(), "", change...)
	return res, text(r.t, res)
}

func answered(p *provider, email string) url.Values {
	return url.Values{"state": {p.made.State}, "code": {"code of " + email}}
}

func TestSingleSignOnBecomesASession(t *testing.T) {
	r, p := newSignOnRig(t)
	cookie := r.begins("")
	if cookie.Name != "__Host-smokepop-sign-in" || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.MaxAge != 600 {
		t.Errorf("the cookie is %+v", cookie)
	}
	if len(p.made.State) < 43 || len(p.made.Nonce) < 43 || len(p.made.Verifier) < 43 || p.made.State == p.made.Nonce || p.made.Nonce == p.made.Verifier {
		t.Errorf("%+v", p.made)
	}
	res, body := r.comesBack(cookie, answered(p, "PRIYA@firm.example"))
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/" {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	var session *http.Cookie
	for _, c := range res.Cookies() {
		switch c.Name {
		case "__Host-smokepop":
			session = c
		case cookie.Name:
			if c.MaxAge >= 0 || c.Value != "" {
				t.Errorf("the attempt is kept: %v", c)
			}
		}
	}
	if session == nil {
		t.Fatal("no session")
	}
	if me := wants(t, r.request("GET", "/api/me", "", with(session)), 200); !strings.Contains(me, `"extension":"101"`) || !strings.Contains(me, `"method":"oidc"`) {
		t.Error(me)
	}
	for _, secret := range []string{cookie.Value, p.made.State, p.made.Nonce, p.made.Verifier, session.Value} {
		if strings.Contains(r.log.String(), secret) {
			t.Error("the log shows a secret of the sign-in")
		}
	}
}

func TestSigningOnAnewEndsTheBrowsersOldSession(t *testing.T) {
	r, p := newSignOnRig(t)
	old := r.join(daniel)
	cookie := r.begins("?choose=1")
	if !p.choose {
		t.Error("the provider is not asked to let people choose")
	}
	res := r.request("GET", SignOnCallback+"?"+answered(p, priya.Email).Encode(), "", with(cookie), with(old), without("Origin"))
	if res.StatusCode != http.StatusSeeOther {
		t.Fatal(res.StatusCode)
	}
	wants(t, r.request("GET", "/api/me", "", with(old)), 401)
}

// An attacker may have a good code and state of their own; what they lack is
// the victim's cookie.
func TestAnswersThatAreNotThisBrowsers(t *testing.T) {
	r, p := newSignOnRig(t)
	cookie := r.begins("")
	good := answered(p, priya.Email)
	other := r.begins("")
	for name, tc := range map[string]struct {
		cookie *http.Cookie
		query  url.Values
	}{
		"no cookie":            {nil, good},
		"another's cookie":     {other, good},
		"no state":             {cookie, url.Values{"code": good["code"]}},
		"a state of one's own": {cookie, url.Values{"code": good["code"], "state": {"x"}}},
		"a short cookie":       {&http.Cookie{Name: cookie.Name, Value: cookie.Value[1:]}, good},
		"a cookie of rubbish":  {&http.Cookie{Name: cookie.Name, Value: cookie.Value + ".###"}, good},
		"for somebody else":    {&http.Cookie{Name: cookie.Name, Value: cookie.Value + ".bm9ib2R5"}, good},
	} {
		res, body := r.comesBack(tc.cookie, tc.query)
		if res.StatusCode != 403 || !strings.Contains(body, "Begin again") || len(res.Cookies()) != 0 {
			t.Errorf("%s: %d %v", name, res.StatusCode, res.Cookies())
		}
	}
	if p.asked != 0 {
		t.Errorf("the provider was asked %d times", p.asked)
	}
}

func TestWhatComesOfASignOnThatFails(t *testing.T) {
	for name, tc := range map[string]struct {
		answer func(*provider) url.Values
		fails  error
		status int
		want   string
	}{
		"nobody has the address": {func(p *provider) url.Values { return answered(p, "nobody@firm.example") }, nil, 403, "nobody@firm.example"},
		"denied":                 {func(p *provider) url.Values { return url.Values{"state": {p.made.State}, "error": {"access_denied"}} }, nil, 403, "did not allow it"},
		"an old code":            {func(p *provider) url.Values { return url.Values{"state": {p.made.State}, "code": {"old"}} }, nil, 403, "Used up."},
		"the provider is away":   {func(p *provider) url.Values { return answered(p, priya.Email) }, refusedSignOn{502, "It is away."}, 502, "It is away."},
		"markup in the address":  {func(p *provider) url.Values { return answered(p, "<b>@firm.example") }, nil, 403, "&lt;b&gt;@firm.example"},
	} {
		t.Run(name, func(t *testing.T) {
			r, p := newSignOnRig(t)
			cookie := r.begins("")
			p.fails = tc.fails
			res, body := r.comesBack(cookie, tc.answer(p))
			if res.StatusCode != tc.status || !strings.Contains(body, tc.want) || !strings.Contains(body, `href="/sign-in/oidc?choose=1"`) {
				t.Errorf("%d %s", res.StatusCode, body)
			}
			for _, c := range res.Cookies() {
				if c.Name == "__Host-smokepop" {
					t.Error("there is a session")
				}
			}
			if got := res.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
				t.Errorf("content type %q", got)
			}
		})
	}
}

func TestOneAddressOfSeveralExtensions(t *testing.T) {
	r, p := newSignOnRig(t)
	second := screenpop.Agent{AgentID: screenpop.AgentID{Tenant: priya.Tenant, Extension: "201"}, Name: "Priya at home", Email: strings.ToUpper(priya.Email)}
	r.directory.agents = append(r.directory.agents, second)
	res, body := r.comesBack(r.begins(""), answered(p, priya.Email))
	if res.StatusCode != 200 || !strings.Contains(body, "Priya at home (201)") || !strings.Contains(body, "Priya Shah (101)") || strings.Contains(body, "Daniel") {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	choice := "?extension=201&tenant=firm.example.com"
	if !strings.Contains(body, `href="`+signOnPath+strings.ReplaceAll(choice, "&", "&amp;")+`"`) {
		t.Fatalf("no way to 201: %s", body)
	}
	res, _ = r.comesBack(r.begins(choice), answered(p, priya.Email))
	for _, c := range res.Cookies() {
		if c.Name == "__Host-smokepop" {
			if me := wants(t, r.request("GET", "/api/me", "", with(c)), 200); !strings.Contains(me, `"extension":"201"`) {
				t.Error(me)
			}
			return
		}
	}
	t.Error("no session")
}

// Choosing an extension is no way to one that is somebody else's.
func TestAChoiceIsNoRight(t *testing.T) {
	r, p := newSignOnRig(t)
	cookie := r.begins("?extension=102&tenant=firm.example.com")
	if res, _ := r.comesBack(cookie, answered(p, priya.Email)); res.StatusCode != 403 {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestSignOnIsOffUnlessConfigured(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{signOnPath, SignOnCallback} {
		if res := r.request("GET", path, "", without("Origin")); res.StatusCode != 404 || !strings.Contains(text(t, res), "turned off") {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}

func TestCodesThatAreNoGoodAreLimited(t *testing.T) {
	r, p := newSignOnRig(t)
	for i := range guessBurst + 1 {
		res, _ := r.comesBack(r.begins(""), url.Values{"state": {p.made.State}, "code": {fmt.Sprint("guess ", i)}})
		want := 403
		if i == guessBurst {
			want = 429
		}
		if res.StatusCode != want {
			t.Fatalf("try %d: status %d", i, res.StatusCode)
		}
	}
	if p.asked != guessBurst {
		t.Errorf("the provider was asked %d times", p.asked)
	}
}
