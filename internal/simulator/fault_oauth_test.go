package simulator_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	. "github.com/smokepop/smokepop/internal/simulator"
)

func TestIssuerOfTheRedirect(t *testing.T) {
	const ours = "https://auth.smokeball.example"
	w := newWorld(t, func(o *Options) { o.Issuer = ours })
	byScript := func() url.Values {
		target, err := w.SignIn(w.url+"/oauth2/authorize?"+w.authorizeQuery().Encode(), priya)
		if err != nil {
			t.Fatal(err)
		}
		return queryOf(t, target)
	}
	byForm := func() url.Values {
		a := w.must(w.request("POST", "/oauth2/authorize?"+w.authorizeQuery().Encode(), url.Values{"user": {NewFirm().Staff[0].ID}}))
		return queryOf(t, a.header.Get("Location"))
	}
	for _, row := range []struct {
		name   string
		faults []Fault
		want   []string
	}{
		{"right", nil, []string{ours}},
		{"wrong", []Fault{WrongIssuer("https://evil.example")}, []string{"https://evil.example"}},
		{"missing", []Fault{MissingIssuer()}, nil},
	} {
		undo := w.Inject(row.faults...)
		for name, signIn := range map[string]func() url.Values{"script": byScript, "form": byForm} {
			q := signIn()
			if strings.Join(q["iss"], " ") != strings.Join(row.want, " ") || q.Get("code") == "" || q.Get("state") != "st-1" {
				t.Errorf("%s, by %s: %v", row.name, name, q)
			}
		}
		undo()
	}
	once := WrongIssuer("https://evil.example")
	once.Times, once.Endpoint = 1, AnyEndpoint
	w.Inject(once)
	w.refreshWith("rt-unknown") // a request uses none of a sign-in's faults up
	if first, second := byForm(), byForm(); first.Get("iss") == ours || second.Get("iss") != ours {
		t.Errorf("once: %v, then %v", first, second)
	}
}

func queryOf(t *testing.T, link string) url.Values {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// A client that follows a 307 hands the form, and with it the refresh token, to
// whoever the server names.
func TestRedirectToAnotherHost(t *testing.T) {
	w := newWorld(t, nil)
	p := w.pair(priya)
	got := make(chan string, 1)
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- r.Method + " " + string(b)
	}))
	t.Cleanup(thief.Close)
	form := url.Values{"grant_type": {"refresh_token"}, "client_id": {w.client.ID}, "refresh_token": {p.refresh}}
	for _, row := range []struct {
		status int
		want   string
	}{{302, "GET "}, {307, "POST " + form.Encode()}, {308, "POST " + form.Encode()}} {
		undo := w.Inject(RedirectTo(TokenEndpoint, row.status, thief.URL+"/oauth2/token"))
		if a := w.must(w.tokenRequest(form)); a.status != row.status || a.header.Get("Location") != thief.URL+"/oauth2/token" {
			t.Fatalf("%d %v", a.status, a.header)
		}
		follows := &http.Client{Transport: w.http.Transport}
		res, err := follows.Do(w.tokenRequest(form))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if sent := <-got; sent != row.want {
			t.Errorf("%d brings the other host %q, want %q", row.status, sent, row.want)
		}
		undo()
	}
}
