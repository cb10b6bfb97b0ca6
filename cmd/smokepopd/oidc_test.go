package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/oauth2"

	"github.com/smokepop/smokepop/internal/simulator"
)

// zitadel is an authorisation server nobody here wrote: zitadel/oidc's example
// provider, at the paths Smokeball has.
type zitadel struct {
	*httptest.Server
	mu    sync.Mutex
	forms map[string][]url.Values // what came to the token and revocation endpoints
}

// keeping is the example's storage without rotation: a refresh leaves the
// refresh token as it is and names none in its answer, as Smokeball does.
type keeping struct{ *storage.Storage }

func (k keeping) CreateAccessAndRefreshTokens(ctx context.Context, r op.TokenRequest, current string) (string, string, time.Time, error) {
	if current == "" {
		return k.Storage.CreateAccessAndRefreshTokens(ctx, r, current)
	}
	id, expires, err := k.CreateAccessToken(ctx, r)
	return id, "", expires, err
}

func newZitadel(t *testing.T, clientID, clientSecret, redirectURL string, rotation bool) *zitadel {
	t.Helper()
	z := &zitadel{forms: map[string][]url.Values{}}
	var provider http.Handler
	z.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		z.record(r)
		// Smokeball gives an app all its scopes when none is asked for (contract
		// 2.7); OpenID Connect has no such rule, so the scopes are named here.
		if r.URL.Path == "/oauth2/authorize" {
			q := r.URL.Query()
			if q.Has("scope") {
				t.Error("smokepop asked for a scope")
			}
			q.Set("scope", "openid offline_access")
			r.URL.RawQuery = q.Encode()
		}
		provider.ServeHTTP(w, r)
	}))
	t.Cleanup(z.Close)
	clients := map[string]*storage.Client{clientID: storage.WebClient(clientID, clientSecret, redirectURL)}
	rotating := storage.NewStorageWithClients(storage.NewUserStore(z.URL), clients)
	var store exampleop.Storage = rotating
	if !rotation {
		store = keeping{rotating}
	}
	provider = exampleop.SetupServer(z.URL, store, slog.New(slog.DiscardHandler), false,
		op.WithAllowInsecure(),
		op.WithCustomAuthEndpoint(op.NewEndpoint("/oauth2/authorize")),
		op.WithCustomTokenEndpoint(op.NewEndpoint("/oauth2/token")),
		op.WithCustomRevocationEndpoint(op.NewEndpoint("/oauth2/revoke")),
	)
	return z
}

func (z *zitadel) record(r *http.Request) {
	if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, "/oauth2/") {
		return
	}
	if err := r.ParseForm(); err == nil { // the provider reads r.Form too
		z.mu.Lock()
		z.forms[r.URL.Path] = append(z.forms[r.URL.Path], r.PostForm)
		z.mu.Unlock()
	}
}

// sent returns what came to a path.
func (z *zitadel) sent(path string) []url.Values {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.forms[path]
}

// takes tells whether the provider takes an access token.
func (z *zitadel) takes(authorization string) bool {
	req, err := http.NewRequest(http.MethodGet, z.URL+"/userinfo", nil)
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", authorization)
	res, err := plainClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// vouchedAPI is the simulated API for the provider's tokens: whoever the
// provider vouches for is taken for one user of the firm.
type vouchedAPI struct {
	*httptest.Server
	mu      sync.Mutex
	refused map[string]bool // Authorization headers that are no good any more
	last    string          // the one that was taken last
}

// newVouchedAPI puts the API behind back; userToken is a token that it takes.
func newVouchedAPI(t *testing.T, z *zitadel, back, userToken string) *vouchedAPI {
	t.Helper()
	target, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	v := &vouchedAPI{refused: map[string]bool{}}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Header.Set("Authorization", "Bearer "+userToken)
	}}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !v.takes(z, r.Header.Get("Authorization")) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"message":"Unauthorized"}`))
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(v.Close)
	return v
}

func (v *vouchedAPI) takes(z *zitadel, authorization string) bool {
	if !z.takes(authorization) {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.refused[authorization] {
		return false
	}
	v.last = authorization
	return true
}

// refuseLatest lets the API refuse the token it took last, from now on.
func (v *vouchedAPI) refuseLatest() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.refused[v.last] = true
}

// userToken signs a user in at the simulated Smokeball without a browser.
func userToken(t *testing.T, sb *simulator.Smokeball, c simulator.Client, base, email string) string {
	t.Helper()
	app := oauth2.Config{ClientID: c.ID, ClientSecret: c.Secret, RedirectURL: c.RedirectURLs[0], Endpoint: oauth2.Endpoint{
		AuthURL: base + "/oauth2/authorize", TokenURL: base + "/oauth2/token", AuthStyle: oauth2.AuthStyleInHeader,
	}}
	verifier := oauth2.GenerateVerifier()
	back, err := sb.SignIn(app.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)), email)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	token, err := app.Exchange(t.Context(), u.Query().Get("code"), oauth2.VerifierOption(verifier), oauth2.SetAuthURLParam("client_id", c.ID))
	if err != nil {
		t.Fatal(err)
	}
	return token.AccessToken
}

// The whole way against a provider that was written by others: code, PKCE,
// refreshes after a refused token, pop, revoke. The provider says which tokens
// are good.
func TestAgainstAnAuthorisationServerNobodyHereWrote(t *testing.T) {
	for name, rotation := range map[string]bool{"rotation on": true, "rotation off": false} {
		t.Run(name, func(t *testing.T) { againstZitadel(t, rotation) })
	}
}

func againstZitadel(t *testing.T, rotation bool) {
	b := newBrowser(t)
	var z *zitadel
	var api *vouchedAPI
	s := startSystem(t, systemOptions{world: func(w *demoWorld, settings map[string]any) {
		z = newZitadel(t, w.client.ID, w.client.Secret, w.public+"/pair/callback", rotation)
		smokeball := w.smokeballURL(0)
		api = newVouchedAPI(t, z, smokeball, userToken(t, w.smokeball[0], w.client, smokeball, w.firms[0].Agents[0].Email))
		settings["tenants"].([]map[string]any)[0]["smokeball"].(map[string]any)["endpoints"] = map[string]any{
			"auth": z.URL, "api": api.URL, "app": smokeball,
		}
	}})
	me := s.firm().Agents[0]
	tb := b.profile()
	s.join(tb, me.Extension)

	tb.click("#pair")
	window := tb.window("/login/username")
	window.sees("#username")
	window.fill("#username", "test-user2")
	window.fill("#password", "verysecure")
	window.press("button[type=submit]")
	tb.sees(`#pairing[data-state="paired"]`)
	exchange := z.sent("/oauth2/token")[0]
	for _, field := range []string{"code", "code_verifier", "client_id", "redirect_uri"} {
		if exchange.Get(field) == "" {
			t.Errorf("the exchange has no %s", field)
		}
	}
	if exchange.Has("client_secret") || exchange.Has("scope") {
		t.Errorf("the exchange has what belongs elsewhere: %v", keysOf(exchange))
	}

	s.fence(tb, me.Extension, s.known()[0], "first")

	// The API refuses the token it took, twice: smokepop has to refresh, the
	// second time with what the first has left it.
	for i, call := range []string{"second", "third"} {
		api.refuseLatest()
		s.fence(tb, me.Extension, s.known()[i+1], call)
	}
	all := z.sent("/oauth2/token")
	if len(all) != 3 {
		t.Fatalf("%d token requests, want 1 exchange and 2 refreshes", len(all))
	}
	for _, refresh := range all[1:] {
		if refresh.Get("grant_type") != "refresh_token" || refresh.Get("client_id") == "" {
			t.Errorf("a token request was %v, want a refresh with a client_id", keysOf(refresh))
		}
	}
	last := all[2].Get("refresh_token")
	if rotated := all[1].Get("refresh_token") != last; rotated != rotation {
		t.Errorf("another refresh token the second time: %v, want %v", rotated, rotation)
	}

	tb.click("#unpair")
	tb.click("#confirm-yes")
	tb.sees(`#pairing[data-state="unpaired"]`)
	z.awaitRevocation(t)
}

// awaitRevocation waits until the provider has been asked to revoke.
func (z *zitadel) awaitRevocation(t *testing.T) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(waitAtMost)
	for len(z.sent("/oauth2/revoke")) == 0 {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the provider was never asked to revoke")
		}
	}
	if z.sent("/oauth2/revoke")[0].Get("token") == "" {
		t.Error("the revocation names no token")
	}
}

func keysOf(v url.Values) []string {
	var keys []string
	for k := range v {
		keys = append(keys, k)
	}
	return keys
}
