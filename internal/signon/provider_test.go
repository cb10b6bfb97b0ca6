package signon

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"
)

const (
	clientID = "smokepop"
	redirect = "https://pop.firm.example/sign-in/oidc/callback"
)

var attempt = Attempt{State: "the-state", Nonce: "the-nonce", Verifier: oauth2.GenerateVerifier()}

// idp is a provider that signs what it is told to, and remembers what it was
// asked.
type idp struct {
	*httptest.Server
	key *rsa.PrivateKey

	mu       sync.Mutex
	signWith *rsa.PrivateKey
	claims   map[string]any // of the ID token; nil values are left out
	userInfo map[string]any
	answer   func(w http.ResponseWriter) // instead of a token
	document func(map[string]any)        // changes the discovery document
	forms    []url.Values
	basic    string // user of the token request
	asked    int    // for the discovery document
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &idp{key: key, signWith: key, document: func(map[string]any) {}}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked++
		doc := map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
			"jwks_uri": p.URL + "/keys", "userinfo_endpoint": p.URL + "/userinfo", "id_token_signing_alg_values_supported": []string{"RS256"},
		}
		p.document(doc)
		writeJSON(w, doc)
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("/userinfo", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, p.userInfo) })
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		_ = r.ParseForm()
		p.forms = append(p.forms, r.PostForm)
		p.basic, _, _ = r.BasicAuth()
		if p.answer != nil {
			p.answer(w)
			return
		}
		writeJSON(w, map[string]any{"access_token": "at", "token_type": "Bearer", "expires_in": 300, "id_token": p.sign(t)})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	p.claims = map[string]any{
		"iss": p.URL, "aud": clientID, "sub": "u1", "exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix(),
		"nonce": attempt.Nonce, "email": "Priya@Firm.Example", "email_verified": true,
	}
	return p
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (p *idp) sign(t *testing.T) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: p.signWith, KeyID: "k1"}}, nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	claims := maps.Clone(p.claims)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Error(err)
	}
	return token
}

func (p *idp) config() Config {
	return Config{Issuer: p.URL, ClientID: clientID, ClientSecret: "the-secret", RedirectURL: redirect, Scopes: []string{"openid", "email"}}
}

func TestABrowserIsSentWithAllThatBindsIt(t *testing.T) {
	p := New(newIDP(t).config())
	to, err := p.AuthorizeURL(t.Context(), attempt, false)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"response_type": "code", "client_id": clientID, "redirect_uri": redirect, "scope": "openid email", "state": attempt.State,
		"nonce": attempt.Nonce, "code_challenge_method": "S256", "code_challenge": oauth2.S256ChallengeFromVerifier(attempt.Verifier), "prompt": "",
	} {
		if got := u.Query().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if to, err = p.AuthorizeURL(t.Context(), attempt, true); err != nil || !strings.Contains(to, "prompt=select_account") {
		t.Errorf("to choose: %s, %v", to, err)
	}
}

func TestACodeBecomesAnAddress(t *testing.T) {
	idp := newIDP(t)
	email, err := New(idp.config()).Email(t.Context(), "the-code", attempt)
	if err != nil || email != "priya@firm.example" {
		t.Fatalf("%q, %v", email, err)
	}
	if len(idp.forms) != 1 || idp.forms[0].Get("code") != "the-code" || idp.forms[0].Get("code_verifier") != attempt.Verifier || idp.basic != clientID {
		t.Errorf("%d exchanges: %v as %q", len(idp.forms), idp.forms, idp.basic)
	}
}

func TestAPublicClientAndOneByFormNameThemselvesInTheForm(t *testing.T) {
	for name, change := range map[string]func(*idp, *Config){
		"public": func(_ *idp, c *Config) { c.ClientSecret = "" },
		"form alone": func(p *idp, _ *Config) {
			p.document = func(d map[string]any) { d["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"} }
		},
	} {
		t.Run(name, func(t *testing.T) {
			idp := newIDP(t)
			c := idp.config()
			change(idp, &c)
			if _, err := New(c).Email(t.Context(), "the-code", attempt); err != nil {
				t.Fatal(err)
			}
			if idp.basic != "" || idp.forms[0].Get("client_id") != clientID || idp.forms[0].Get("client_secret") != c.ClientSecret.Reveal() {
				t.Errorf("%v as %q", idp.forms[0], idp.basic)
			}
		})
	}
}

// At Google an address counts when Google manages it, not because somebody has
// confirmed it once.
func TestAPrivateGoogleAccountIsNotTheFirms(t *testing.T) {
	for name, tc := range map[string]struct {
		email, hosted any
		want          string
	}{
		"of a Workspace":                {"priya@firm.example", "firm.example", "priya@firm.example"},
		"an alias domain of one":        {"priya@firm-law.example", "firm.example", "priya@firm-law.example"},
		"of Gmail":                      {"Priya@Gmail.com", nil, "priya@gmail.com"},
		"private, with a firm's domain": {"priya@firm.example", nil, ""},
		"private, nearly Gmail":         {"priya@gmail.com.firm.example", nil, ""},
		"private, nothing hosted":       {"priya@firm.example", "", ""},
	} {
		idp := newIDP(t)
		idp.claims["email"], idp.claims["hd"] = tc.email, tc.hosted
		c := idp.config()
		c.HostedDomains = true
		email, err := New(c).Email(t.Context(), "the-code", attempt)
		if email != tc.want || (tc.want == "") != errors.Is(err, ErrNoEmail) {
			t.Errorf("%s: %q, %v", name, email, err)
		}
	}
}

func TestWhatDoesNotHoldSignsNobodyIn(t *testing.T) {
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	claim := func(name string, value any) func(*idp) {
		return func(p *idp) { p.claims[name] = value }
	}
	status := func(code int, body string) func(*idp) {
		return func(p *idp) {
			p.answer = func(w http.ResponseWriter) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(code)
				_, _ = w.Write([]byte(body))
			}
		}
	}
	for name, tc := range map[string]struct {
		change func(*idp)
		want   error
	}{
		"another attempt's nonce":   {claim("nonce", "other"), ErrRefused},
		"no nonce":                  {claim("nonce", nil), ErrRefused},
		"another issuer":            {claim("iss", "https://evil.example"), ErrRefused},
		"another audience":          {claim("aud", "other"), ErrRefused},
		"for another party":         {claim("azp", "other"), ErrRefused},
		"expired":                   {claim("exp", time.Now().Add(-time.Hour).Unix()), ErrRefused},
		"signed by a stranger":      {func(p *idp) { p.signWith = stranger }, ErrRefused},
		"an address not verified":   {claim("email_verified", false), ErrNoEmail},
		"nothing said of it":        {claim("email_verified", nil), ErrNoEmail},
		"an address that is none":   {claim("email", "priya"), ErrNoEmail},
		"a code used before":        {status(400, `{"error":"invalid_grant","error_description":"canary"}`), ErrRefused},
		"another refusal":           {status(400, `{"error":"canary"}`), ErrRefused},
		"the client is not taken":   {status(401, `{"error":"invalid_client"}`), ErrMisconfigured},
		"the provider fails":        {status(502, `<html>canary`), ErrUnavailable},
		"the provider is busy":      {status(429, `canary`), ErrUnavailable},
		"no ID token":               {status(200, `{"access_token":"canary","token_type":"Bearer"}`), ErrRefused},
		"an answer that is none":    {status(200, `<html>canary`), ErrUnavailable},
		"an answer without an end":  {status(200, `{"access_token":"`+strings.Repeat("canary", 1<<18)), ErrUnavailable},
		"an ID token that is none":  {status(200, `{"access_token":"a","token_type":"Bearer","id_token":"canary"}`), ErrRefused},
		"another discovered issuer": {func(p *idp) { p.document = func(d map[string]any) { d["issuer"] = "https://canary.example" } }, ErrUnavailable},
		"a document without an end": {func(p *idp) { p.document = func(d map[string]any) { d["more"] = strings.Repeat("canary", 1<<18) } }, ErrUnavailable},
		"claims of another person": {func(p *idp) {
			p.claims["email"] = nil
			p.userInfo = map[string]any{"sub": "u2", "email": "priya@firm.example", "email_verified": true}
		}, ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			idp := newIDP(t)
			tc.change(idp)
			email, err := New(idp.config()).Email(t.Context(), "the-code", attempt)
			if email != "" || !errors.Is(err, tc.want) {
				t.Fatalf("%q, %v, want %v", email, err, tc.want)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error repeats what was sent: %v", err)
			}
			if len(idp.forms) > 1 {
				t.Errorf("the code was sent %d times", len(idp.forms))
			}
		})
	}
}

func TestClaimsLeftOutOfTheIDTokenAreAskedFor(t *testing.T) {
	idp := newIDP(t)
	idp.claims["email"], idp.claims["email_verified"] = nil, nil
	idp.userInfo = map[string]any{"sub": "u1", "email": "priya@firm.example", "email_verified": "true"}
	if email, err := New(idp.config()).Email(t.Context(), "c", attempt); err != nil || email != "priya@firm.example" {
		t.Errorf("%q, %v", email, err)
	}
}

// Entra vouches for user names and for no address.
func TestUserNamesAreAddressesWhereThatIsSo(t *testing.T) {
	idp := newIDP(t)
	idp.claims["email"], idp.claims["preferred_username"] = "ceo@victim.example", "Priya@firm.example"
	c := idp.config()
	c.UserNames = true
	if email, err := New(c).Email(t.Context(), "c", attempt); err != nil || email != "priya@firm.example" {
		t.Errorf("%q, %v", email, err)
	}
	idp.claims["preferred_username"] = nil
	if email, err := New(c).Email(t.Context(), "c", attempt); !errors.Is(err, ErrNoEmail) {
		t.Errorf("without a user name: %q, %v", email, err)
	}
}

func TestAProviderThatWasAwayIsAskedAgain(t *testing.T) {
	idp := newIDP(t)
	idp.document = func(d map[string]any) { d["issuer"] = "another" }
	p := New(idp.config())
	for range 3 {
		if _, err := p.AuthorizeURL(t.Context(), attempt, false); !errors.Is(err, ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if idp.asked != 1 {
		t.Errorf("a provider that is away was asked %d times at once", idp.asked)
	}
	idp.document = func(map[string]any) {}
	p.again = time.Time{}
	for range 3 {
		if _, err := p.AuthorizeURL(t.Context(), attempt, false); err != nil {
			t.Fatal(err)
		}
	}
	if idp.asked != 2 {
		t.Errorf("asked %d times, want once more and never again", idp.asked)
	}
}

func TestAProviderWithTLSHasNoAddressWithout(t *testing.T) {
	s := httptest.NewUnstartedServer(nil)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{
			"issuer": s.URL, "authorization_endpoint": s.URL + "/a", "token_endpoint": "http://provider.example/token", "jwks_uri": s.URL + "/k",
		})
	})
	s.StartTLS()
	defer s.Close()
	c := Config{Issuer: s.URL, ClientID: clientID, RedirectURL: redirect, HTTP: s.Client()}
	if _, err := New(c).AuthorizeURL(t.Context(), attempt, false); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "without TLS") {
		t.Error(err)
	}
	// A certificate that nobody trusts.
	c.HTTP = nil
	if _, err := New(c).AuthorizeURL(t.Context(), attempt, false); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
}
