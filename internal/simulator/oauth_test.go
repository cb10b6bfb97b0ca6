package simulator_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	. "github.com/smokepop/smokepop/internal/simulator"
)

func TestPairingThroughTheBrowser(t *testing.T) {
	w := newWorld(t, nil)
	page := w.must(w.request("GET", "/oauth2/authorize?"+w.authorizeQuery().Encode(), nil))
	if page.status != http.StatusOK || !strings.Contains(page.body, "Simulated Smokeball sign-in") || !strings.Contains(page.body, "Priya Shah") {
		t.Fatalf("%d %s", page.status, page.body)
	}
	for _, hidden := range []string{"Ruth Adler", "Sam Pruitt", "<script"} { // former; without a user
		if strings.Contains(page.body, hidden) {
			t.Errorf("the page shows %q", hidden)
		}
	}
	if csp := page.header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "form-action 'self' https://pop.firm.example;") {
		t.Errorf("CSP %q", csp)
	}
	user := NewFirm().Staff[0]
	sent := w.must(w.request("POST", "/oauth2/authorize?"+w.authorizeQuery().Encode(), url.Values{"user": {user.ID}}))
	target, err := url.Parse(sent.header.Get("Location"))
	if err != nil || sent.status != http.StatusFound || !strings.HasPrefix(target.String(), redirect+"?") || target.Query().Get("state") != "st-1" {
		t.Fatalf("%d to %v, %v", sent.status, target, err)
	}
	a := w.must(w.tokenRequest(w.exchangeForm(target.Query().Get("code"))))
	if a.status != http.StatusOK || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	m := a.json(t)
	if len(m) != 4 || m["token_type"] != "Bearer" || m["expires_in"] != json.Number("3600") {
		t.Errorf("exchange: %v", m)
	}
	claims := map[string]any{}
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(m["access_token"].(string), ".")[1])
	if err != nil || json.Unmarshal(b, &claims) != nil || claims["sub"] != user.UserID || claims["username"] != user.UserID ||
		claims["client_id"] != w.client.ID || !strings.Contains(claims["scope"].(string), "contacts/read") || claims["email"] != nil {
		t.Errorf("claims %s, %v", b, err)
	}
	again := w.refreshWith(m["refresh_token"].(string)).json(t)
	if len(again) != 3 || again["refresh_token"] != nil {
		t.Errorf("refresh: %v", again)
	}

	// Within the hour the browser offers the previous user first.
	r := w.request("GET", "/oauth2/authorize?"+w.authorizeQuery().Encode(), nil)
	r.Header.Set("Cookie", strings.Split(sent.header.Get("Set-Cookie"), ";")[0])
	if a := w.must(r); !strings.Contains(a.body, "Sign in as Priya Shah") {
		t.Error("the previous user is not offered")
	}
}

func TestAuthorizeRefuses(t *testing.T) {
	rows := []struct {
		name   string
		change func(url.Values)
		page   string // on an error page, never sent on
		sent   string // error sent to the application
	}{
		{"unknown client", func(q url.Values) { q.Set("client_id", "someone-else") }, "invalid_client", ""},
		{"no client", func(q url.Values) { q.Del("client_id") }, "invalid_client", ""},
		{"other path", func(q url.Values) { q.Set("redirect_uri", redirect+"2") }, "redirect_mismatch", ""},
		{"trailing slash", func(q url.Values) { q.Set("redirect_uri", redirect+"/") }, "redirect_mismatch", ""},
		{"query added", func(q url.Values) { q.Set("redirect_uri", redirect+"?a=b") }, "redirect_mismatch", ""},
		{"other scheme", func(q url.Values) { q.Set("redirect_uri", strings.Replace(redirect, "https", "http", 1)) }, "redirect_mismatch", ""},
		{"other case", func(q url.Values) { q.Set("redirect_uri", strings.Replace(redirect, "pop", "POP", 1)) }, "redirect_mismatch", ""},
		{"no redirect", func(q url.Values) { q.Del("redirect_uri") }, "redirect_mismatch", ""},
		{"state twice", func(q url.Values) { q.Add("state", "st-2") }, "invalid_request", ""},
		{"token flow", func(q url.Values) { q.Set("response_type", "token") }, "", "unsupported_response_type"},
		{"no PKCE", func(q url.Values) { q.Del("code_challenge"); q.Del("code_challenge_method") }, "", "invalid_request"},
		{"plain PKCE", func(q url.Values) { q.Set("code_challenge_method", "plain") }, "", "invalid_request"},
		{"method left out", func(q url.Values) { q.Del("code_challenge_method") }, "", "invalid_request"},
		{"short challenge", func(q url.Values) { q.Set("code_challenge", "abc") }, "", "invalid_request"},
		{"padded challenge", func(q url.Values) { q.Set("code_challenge", challenge()+"=") }, "", "invalid_request"},
		{"foreign scope", func(q url.Values) { q.Set("scope", "openid") }, "", "invalid_scope"},
	}
	w := newWorld(t, nil)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			q := w.authorizeQuery()
			row.change(q)
			for _, r := range []*http.Request{
				w.request("GET", "/oauth2/authorize?"+q.Encode(), nil),
				w.request("POST", "/oauth2/authorize?"+q.Encode(), url.Values{"user": {NewFirm().Staff[0].ID}}),
			} {
				a := w.must(r)
				if row.page != "" && (a.status != http.StatusBadRequest || !strings.Contains(a.body, row.page) || a.header.Get("Location") != "") {
					t.Errorf("%s: %d %v %s", r.Method, a.status, a.header, a.body)
				}
				if row.sent != "" && (a.status != http.StatusFound || !strings.Contains(a.header.Get("Location"), "error="+row.sent) || !strings.Contains(a.header.Get("Location"), "state=st-1")) {
					t.Errorf("%s: %d to %q", r.Method, a.status, a.header.Get("Location"))
				}
			}
		})
	}
	if got := w.Tokens(priya); len(got.Refresh)+len(got.Access) > 0 {
		t.Errorf("tokens came of it: %v", got)
	}
}

func TestDenyAndWhoCannotSignIn(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Issuer = "https://auth.smokeball.example" })
	path := "/oauth2/authorize?" + w.authorizeQuery().Encode()
	a := w.must(w.request("POST", path, url.Values{"deny": {"1"}}))
	if to := a.header.Get("Location"); !strings.Contains(to, "error=access_denied") || !strings.Contains(to, "iss=https%3A%2F%2Fauth.smokeball.example") {
		t.Errorf("denied: %q", to)
	}
	for _, email := range []string{"ruth@firm.example", "sam@firm.example", "nobody@firm.example"} {
		if to, err := w.SignIn(w.url+path, email); err == nil {
			t.Errorf("%s signed in: %s", email, to)
		}
	}
}

func TestTokenRefuses(t *testing.T) {
	rows := []struct {
		name   string
		change func(*http.Request, url.Values)
		status int
		code   string
	}{
		{"no Basic", func(r *http.Request, f url.Values) { r.Header.Del("Authorization") }, 400, "invalid_client"},
		{"secret in the body only", func(r *http.Request, f url.Values) {
			r.Header.Del("Authorization")
			f.Set("client_secret", DefaultClient().Secret)
		}, 400, "invalid_client"},
		{"secret in both", func(r *http.Request, f url.Values) { f.Set("client_secret", DefaultClient().Secret) }, 400, "invalid_request"},
		{"wrong secret", func(r *http.Request, f url.Values) { r.SetBasicAuth(DefaultClient().ID, "guess") }, 401, "invalid_client"},
		{"unknown client", func(r *http.Request, f url.Values) { r.SetBasicAuth("guess", DefaultClient().Secret) }, 401, "invalid_client"},
		{"no client_id in the body", func(r *http.Request, f url.Values) { f.Del("client_id") }, 400, "invalid_request"},
		{"other client_id in the body", func(r *http.Request, f url.Values) { f.Set("client_id", "x") }, 400, "invalid_client"},
		{"a scope", func(r *http.Request, f url.Values) { f.Set("scope", "contacts/read") }, 400, "invalid_scope"},
		{"no grant type", func(r *http.Request, f url.Values) { f.Del("grant_type") }, 400, "invalid_request"},
		{"other grant type", func(r *http.Request, f url.Values) { f.Set("grant_type", "password") }, 400, "unsupported_grant_type"},
		{"no code", func(r *http.Request, f url.Values) { f.Del("code") }, 400, "invalid_request"},
		{"unknown code", func(r *http.Request, f url.Values) { f.Set("code", "code-guess") }, 400, "invalid_grant"},
		{"no redirect_uri", func(r *http.Request, f url.Values) { f.Del("redirect_uri") }, 400, "invalid_request"},
		{"other redirect_uri", func(r *http.Request, f url.Values) { f.Set("redirect_uri", redirect+"/") }, 400, "invalid_grant"},
		{"no verifier", func(r *http.Request, f url.Values) { f.Del("code_verifier") }, 400, "invalid_grant"},
		{"wrong verifier", func(r *http.Request, f url.Values) { f.Set("code_verifier", strings.Repeat("x", 43)) }, 400, "invalid_grant"},
		{"code twice", func(r *http.Request, f url.Values) { f.Add("code", "another") }, 400, "invalid_request"},
		{"JSON", func(r *http.Request, f url.Values) { r.Header.Set("Content-Type", "application/json") }, 400, "invalid_request"},
		{"in the URL", func(r *http.Request, f url.Values) { r.URL.RawQuery = "code=1" }, 400, "invalid_request"},
	}
	w := newWorld(t, nil)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			code := w.code(priya)
			form := w.exchangeForm(code)
			probe := w.tokenRequest(form)
			row.change(probe, form)
			r := w.request("POST", "/oauth2/token", form)
			r.Header, r.URL = probe.Header, probe.URL
			a := w.must(r)
			if a.status != row.status || a.body != `{"error":"`+row.code+`"}` {
				t.Errorf("%d %s", a.status, a.body)
			}
			if a.status == 401 && a.header.Get("WWW-Authenticate") == "" {
				t.Error("401 without WWW-Authenticate")
			}
			burnt := form.Get("code") == code && len(form["code"]) == 1 && row.name != "JSON"
			if again := w.must(w.tokenRequest(w.exchangeForm(code))); burnt && again.status != 400 {
				t.Errorf("the code survived a failed exchange: %d", again.status)
			}
		})
	}
}

func TestCodeIsForOneUseAndFiveMinutes(t *testing.T) {
	w := newWorld(t, nil)
	code := w.code(priya)
	first := w.must(w.tokenRequest(w.exchangeForm(code)))
	refresh := first.json(t)["refresh_token"].(string)
	if a := w.must(w.tokenRequest(w.exchangeForm(code))); !strings.Contains(a.body, "invalid_grant") {
		t.Errorf("replay: %d %s", a.status, a.body)
	}
	if a := w.refreshWith(refresh); a.status != 400 {
		t.Errorf("a replayed code left its tokens good: %d", a.status)
	}
	late := w.code(priya)
	w.Advance(5 * time.Minute)
	if a := w.must(w.tokenRequest(w.exchangeForm(late))); !strings.Contains(a.body, "invalid_grant") {
		t.Errorf("late: %d %s", a.status, a.body)
	}
}

func TestRefreshTokenLives30DaysFromTheSignIn(t *testing.T) {
	w := newWorld(t, nil)
	p := w.pair(priya)
	w.Advance(30*24*time.Hour - time.Second)
	if a := w.refreshWith(p.refresh); a.status != 200 {
		t.Errorf("day 29: %d %s", a.status, a.body)
	}
	w.Advance(time.Second)
	if a := w.refreshWith(p.refresh); a.body != `{"error":"invalid_grant"}` {
		t.Errorf("day 30: %d %s", a.status, a.body)
	}
}

func TestRotationRevokesTheFamilyOnReuse(t *testing.T) {
	for _, grace := range []time.Duration{0, 10 * time.Second, time.Minute} {
		t.Run(grace.String(), func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.Rotation, o.RotationGrace = true, grace })
			p := w.pair(priya)
			second := w.refreshWith(p.refresh).json(t)["refresh_token"].(string)
			if second == p.refresh {
				t.Fatal("the token was not rotated")
			}
			if grace > 0 {
				w.Advance(grace - time.Millisecond)
				if a := w.refreshWith(p.refresh); a.status != 200 {
					t.Errorf("within the grace: %d", a.status)
				}
				w.Advance(time.Millisecond)
			}
			if a := w.refreshWith(p.refresh); a.status != 400 {
				t.Errorf("after the grace: %d", a.status)
			}
			if a := w.refreshWith(second); a.status != 400 {
				t.Errorf("the family lives on: %d", a.status)
			}
			if a := w.get(p.access, "/firm"); a.status != 401 {
				t.Errorf("its access token lives on: %d", a.status)
			}
			if g := w.Grants(); len(g) != 1 || !g[0].Revoked || !g[0].Reused {
				t.Errorf("%+v", g)
			}
		})
	}
}

func TestWithoutRotationARefreshTokenIsUsedAgainAndAgain(t *testing.T) {
	w := newWorld(t, nil)
	p := w.pair(priya)
	for range 3 {
		w.Advance(time.Hour)
		if a := w.refreshWith(p.refresh); a.status != 200 || strings.Contains(a.body, "refresh_token") {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}

// A rotated refresh token does not begin the 30 days anew.
func TestRotationDoesNotProlongTheSignIn(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Rotation = true })
	p := w.pair(priya)
	w.Advance(29 * 24 * time.Hour)
	second := w.refreshWith(p.refresh).json(t)["refresh_token"].(string)
	w.Advance(24 * time.Hour)
	if a := w.refreshWith(second); a.body != `{"error":"invalid_grant"}` {
		t.Errorf("day 30: %d %s", a.status, a.body)
	}
}

func TestRevoke(t *testing.T) {
	w := newWorld(t, nil)
	p := w.pair(priya)
	revoke := func(token string) answer {
		r := w.request("POST", "/oauth2/revoke", url.Values{"token": {token}})
		r.SetBasicAuth(w.client.ID, w.client.Secret)
		return w.must(r)
	}
	if a := revoke(p.access); a.body != `{"error":"unsupported_token_type"}` {
		t.Errorf("an access token: %d %s", a.status, a.body)
	}
	for range 2 {
		if a := revoke(p.refresh); a.status != 200 || a.body != "" {
			t.Errorf("%d %q", a.status, a.body)
		}
	}
	if !w.Revoked(p.refresh) || w.RevokedCount() != 1 {
		t.Error("the revocation is not on record")
	}
	if a := w.refreshWith(p.refresh); a.status != 400 {
		t.Errorf("refresh after: %d", a.status)
	}
	if a := w.get(p.access, "/firm"); a.status != 401 {
		t.Errorf("API after: %d", a.status)
	}
	r := w.request("POST", "/oauth2/revoke", url.Values{"token": {p.refresh}})
	if a := w.must(r); a.status != 400 || !strings.Contains(a.body, "invalid_client") {
		t.Errorf("without credentials: %d %s", a.status, a.body)
	}
}

func TestLenientTakesWhatTheContractDoesNotAskFor(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Lenient, o.AllowMissingPKCE = true, true })
	q := w.authorizeQuery()
	q.Del("code_challenge")
	q.Del("code_challenge_method")
	target, err := w.SignIn(w.url+"/oauth2/authorize?"+q.Encode(), priya)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(target)
	form := w.exchangeForm(u.Query().Get("code"))
	form.Del("code_verifier")
	form.Set("client_secret", w.client.Secret)
	if a := w.must(w.request("POST", "/oauth2/token", form)); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestRegisterKeepsTheConsolesRule(t *testing.T) {
	s := NewSmokeball(Options{Clients: []Client{DefaultClient()}})
	for u, want := range map[string]bool{
		"https://pop.firm.example/pair/callback": true, "http://localhost:8080/pair/callback": true, "http://127.0.0.1:9/x": true,
		"http://pop.firm.example/pair/callback": false, "https://pop.firm.example/#x": false, "ftp://localhost/": false, "nonsense": false,
	} {
		if got := s.Register(DefaultClient().ID, u); got != want {
			t.Errorf("Register(%q) = %v", u, got)
		}
	}
}
