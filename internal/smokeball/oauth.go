package smokeball

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// DefaultTokenLifetime is how long an access token is taken to live when the
// server does not say, or says something that is no positive number of
// seconds. It is Smokeball's documented default.
const DefaultTokenLifetime = 60 * time.Minute

// maxTokenAnswer bounds the answer of the OAuth server.
const maxTokenAnswer = 64 << 10

// OAuthConfig is what an OAuth stands on. AuthBase is Hosts.Auth; RedirectURL
// is sent exactly as it is and has to be registered exactly so. A nil HTTP
// means NewHTTPClient. Without a ClientSecret the client is a public one and
// names itself in the body alone.
type OAuthConfig struct {
	AuthBase     string
	ClientID     string
	ClientSecret screenpop.Secret
	RedirectURL  string
	HTTP         *http.Client
}

// OAuth speaks to the OAuth server of one Smokeball app. It keeps no tokens
// and may be used from many goroutines.
type OAuth struct {
	cfg    oauth2.Config
	revoke string
	http   *http.Client
}

// NewOAuth returns the OAuth side of an app.
func NewOAuth(cfg OAuthConfig) *OAuth {
	base := strings.TrimRight(cfg.AuthBase, "/")
	// Named explicitly: on auto-detection the library sends a failed request
	// again in the other style, which burns the single-use code.
	style := oauth2.AuthStyleInHeader
	if cfg.ClientSecret == "" {
		style = oauth2.AuthStyleInParams
	}
	client := strict(cfg.HTTP)
	client.Transport = tokenTransport{clientID: cfg.ClientID, base: client.Transport}
	return &OAuth{
		// No scopes: a request without scope gets all that the app was given.
		cfg: oauth2.Config{
			ClientID:     cfg.ClientID,
			ClientSecret: cfg.ClientSecret.Reveal(),
			RedirectURL:  cfg.RedirectURL,
			Endpoint:     oauth2.Endpoint{AuthURL: base + "/oauth2/authorize", TokenURL: base + "/oauth2/token", AuthStyle: style},
		},
		revoke: base + "/oauth2/revoke",
		http:   client,
	}
}

// Grant is what the OAuth server handed out. Beside an error it is empty but
// for a new refresh token, where the answer was no good and had one: the one
// before may be dead by then, so keep it or revoke it.
type Grant struct {
	AccessToken screenpop.Secret
	// RefreshToken is empty when none came back, or the one that was sent: the
	// old one then stays in force, and so does its end of life.
	RefreshToken screenpop.Secret
	Expiry       time.Time // of the access token
}

// NewVerifier returns a fresh PKCE verifier.
func NewVerifier() string { return oauth2.GenerateVerifier() }

// AuthorizeURL is where the agent's browser goes to sign in at Smokeball.
// verifier is the PKCE verifier that Exchange will be given; only its S256
// challenge is in the URL.
func (o *OAuth) AuthorizeURL(state, verifier string) string {
	return o.cfg.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier))
}

// Exchange turns the code of the callback into tokens. A code works once, for
// five minutes, and a failed attempt uses it up: never try again. Every error
// is an *OAuthError.
func (o *OAuth) Exchange(ctx context.Context, code, verifier string) (Grant, error) {
	request, kept := withSalvage(o.context(ctx))
	token, err := o.cfg.Exchange(request, code, oauth2.VerifierOption(verifier), oauth2.SetAuthURLParam("client_id", o.cfg.ClientID))
	if err != nil {
		return kept.grant(""), asOAuthError(ctx, err)
	}
	return grant(token, "")
}

// Refresh gets a new access token. Every error is an *OAuthError.
func (o *OAuth) Refresh(ctx context.Context, refreshToken string) (Grant, error) {
	if refreshToken == "" {
		return Grant{}, &OAuthError{Kind: InvalidGrant, cause: errors.New("no refresh token")}
	}
	request, kept := withSalvage(o.context(ctx))
	token, err := o.cfg.TokenSource(request, &oauth2.Token{RefreshToken: refreshToken}).Token()
	if err != nil {
		return kept.grant(refreshToken), asOAuthError(ctx, err)
	}
	return grant(token, refreshToken)
}

// Revoke ends a refresh token at Smokeball. It is a best effort: the server
// may not offer it, and an access token already handed out may live on until
// it expires. Every error is an *OAuthError.
func (o *OAuth) Revoke(ctx context.Context, refreshToken string) error {
	form := url.Values{"token": {refreshToken}}
	if o.cfg.ClientSecret == "" {
		form.Set("client_id", o.cfg.ClientID)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.revoke, strings.NewReader(form.Encode()))
	if err != nil {
		return &OAuthError{Kind: Misconfigured, cause: errors.New("the address of the OAuth server cannot be used")}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if o.cfg.ClientSecret != "" {
		req.SetBasicAuth(url.QueryEscape(o.cfg.ClientID), url.QueryEscape(o.cfg.ClientSecret))
	}
	res, err := o.http.Do(req)
	if err != nil {
		return asOAuthError(ctx, err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK {
		return nil
	}
	return oauthError(errorCode(res.Body), res.StatusCode, res.Header)
}

// context hands our HTTP client to the library.
func (o *OAuth) context(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, o.http)
}

func grant(t *oauth2.Token, sent string) (Grant, error) {
	g := Grant{AccessToken: screenpop.Secret(t.AccessToken), Expiry: t.Expiry}
	if t.RefreshToken != sent {
		g.RefreshToken = screenpop.Secret(t.RefreshToken)
	}
	if !headerSafe(t.AccessToken) {
		return Grant{RefreshToken: g.RefreshToken}, &OAuthError{Status: http.StatusOK, cause: errors.New("the access token cannot be sent in a header")}
	}
	return g, nil
}

// headerSafe tells whether s is a token68-like text: visible ASCII only.
func headerSafe(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}
