package signon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Config names the provider and smokepop's client there. Issuer, ClientID,
// RedirectURL and Scopes are required.
type Config struct {
	Issuer       string // to the letter
	ClientID     string
	ClientSecret screenpop.Secret // empty: a public client
	RedirectURL  string
	Scopes       []string // openid and email are among them
	// UserNames takes people's user names for their e-mail addresses. It is for
	// Microsoft Entra, whose address claims anybody's admin may write, and whose
	// user names are of domains that the firm has proved to own.
	UserNames bool
	// HostedDomains wants an address to be of Gmail or of a domain whose people
	// the provider manages (claim hd). It is for Google, where anybody may once
	// have confirmed an address at a private account, and keeps that account
	// when the address is taken away.
	// https://developers.google.com/identity/gsi/web/guides/verify-google-id-token
	HostedDomains bool
	// HTTP is what the provider is asked with; nil is [NewHTTPClient].
	HTTP *http.Client
}

// Provider is a firm's identity provider. It is found out about at the first
// use, and again at the next one when that has failed: a provider that is away
// keeps nothing from starting. Safe for concurrent use.
type Provider struct {
	cfg Config

	mu     sync.Mutex
	found  *found
	failed error     // why it could not be found out about
	again  time.Time // when that may be tried again
}

// retryAfter keeps a provider that is away from being asked by everybody who
// wants to sign in, one after the other.
const retryAfter = 5 * time.Second

// found is what the provider's discovery document says.
type found struct {
	provider *oidc.Provider
	client   oauth2.Config
	verifier *oidc.IDTokenVerifier
}

// New returns a provider. It asks for nothing yet.
func New(cfg Config) *Provider {
	if cfg.HTTP == nil {
		cfg.HTTP = NewHTTPClient()
	}
	return &Provider{cfg: cfg}
}

// Attempt is what binds a sign-in to the browser that began it. All three are
// secret and of this attempt alone.
type Attempt struct {
	State, Nonce, Verifier string
}

// AuthorizeURL returns where to send the browser. choose lets people pick
// another account than the one they are signed in with. Returns
// [ErrUnavailable].
func (p *Provider) AuthorizeURL(ctx context.Context, a Attempt, choose bool) (string, error) {
	f, err := p.find(ctx)
	if err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)}
	if choose {
		options = append(options, oauth2.SetAuthURLParam("prompt", "select_account"))
	}
	return f.client.AuthCodeURL(a.State, options...), nil
}

// Email exchanges the code that came back for the e-mail address the provider
// vouches for, in lower case. The caller has compared the state. Returns
// [ErrRefused], [ErrNoEmail], [ErrMisconfigured] or [ErrUnavailable].
func (p *Provider) Email(ctx context.Context, code string, a Attempt) (string, error) {
	f, err := p.find(ctx)
	if err != nil {
		return "", err
	}
	ctx = oidc.ClientContext(ctx, p.cfg.HTTP)
	token, err := f.client.Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return "", exchangeError(err)
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return "", fmt.Errorf("%w: there is no ID token in it", ErrRefused)
	}
	id, err := f.verifier.Verify(ctx, raw)
	if err != nil {
		return "", verifyError(err)
	}
	var c claims
	if err := id.Claims(&c); err != nil {
		return "", fmt.Errorf("%w: its claims are not as they should be", ErrRefused)
	}
	switch {
	case !same(id.Nonce, a.Nonce):
		return "", fmt.Errorf("%w: it belongs to another attempt", ErrRefused)
	case c.Party != "" && c.Party != p.cfg.ClientID:
		return "", fmt.Errorf("%w: it is for another client", ErrRefused)
	}
	if c.empty() && f.provider.UserInfoEndpoint() != "" {
		if c, err = f.userInfo(ctx, token, id.Subject); err != nil {
			return "", err
		}
	}
	return p.emailOf(c)
}

// claims are what a provider says of a person.
type claims struct {
	Email    string `json:"email"`
	Verified any    `json:"email_verified"` // some providers write "true"
	UserName string `json:"preferred_username"`
	Party    string `json:"azp"`
	Hosted   string `json:"hd"` // the Google Workspace domain of the account
}

func (c claims) empty() bool { return c.Email == "" && c.UserName == "" }

// userInfo asks for the claims that a provider has left out of the ID token.
func (f *found) userInfo(ctx context.Context, token *oauth2.Token, subject string) (c claims, err error) {
	info, err := f.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return c, fmt.Errorf("%w: ask for the person's claims: %s", ErrUnavailable, reason(err))
	}
	if info.Subject != subject { // OpenID Connect Core, 5.3.4
		return c, fmt.Errorf("%w: its claims are another person's", ErrRefused)
	}
	if err := info.Claims(&c); err != nil {
		return c, fmt.Errorf("%w: its claims are not as they should be", ErrRefused)
	}
	return c, nil
}

func (p *Provider) emailOf(c claims) (string, error) {
	email := c.Email
	if p.cfg.UserNames {
		email = c.UserName
	} else if c.Verified != true && c.Verified != "true" {
		email = ""
	}
	email = strings.ToLower(email)
	switch {
	case !strings.Contains(email, "@"):
		return "", ErrNoEmail
	case p.cfg.HostedDomains && c.Hosted == "" && !strings.HasSuffix(email, "@gmail.com"):
		return "", fmt.Errorf("%w: it is a private account, not one of the firm's Google Workspace", ErrNoEmail)
	}
	return email, nil
}

// find returns what is known of the provider, and asks for it where that is
// nothing. One asks, the others wait.
func (p *Provider) find(ctx context.Context) (*found, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.found != nil:
		return p.found, nil
	case p.failed != nil && time.Now().Before(p.again):
		return nil, p.failed
	}
	p.found, p.failed = p.discover(ctx)
	p.again = time.Now().Add(retryAfter)
	return p.found, p.failed
}

func (p *Provider) discover(ctx context.Context) (*found, error) {
	// The keys are fetched with this context too, long after this call.
	provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.cfg.HTTP), p.cfg.Issuer)
	if err != nil {
		return nil, discoveryError(err)
	}
	var more struct {
		AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
		Keys        string   `json:"jwks_uri"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, fmt.Errorf("%w: its discovery document cannot be read", ErrUnavailable)
	}
	endpoint := provider.Endpoint()
	if strings.HasPrefix(p.cfg.Issuer, "https:") {
		for _, u := range []string{endpoint.AuthURL, endpoint.TokenURL, more.Keys} {
			if !strings.HasPrefix(u, "https:") {
				return nil, fmt.Errorf("%w: its discovery document names an address without TLS", ErrUnavailable)
			}
		}
	}
	// To be found out by trial would send each code twice.
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if p.cfg.ClientSecret == "" || len(more.AuthMethods) > 0 && !slices.Contains(more.AuthMethods, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &found{
		provider: provider,
		client: oauth2.Config{
			ClientID: p.cfg.ClientID, ClientSecret: p.cfg.ClientSecret.Reveal(), Endpoint: endpoint,
			RedirectURL: p.cfg.RedirectURL, Scopes: p.cfg.Scopes,
		},
		verifier: provider.Verifier(&oidc.Config{ClientID: p.cfg.ClientID}),
	}, nil
}

// The errors below name what happened and never what the provider sent: it may
// have sent back what it got.

func discoveryError(err error) error {
	var mismatch *oidc.IssuerMismatchError
	if errors.As(err, &mismatch) {
		return fmt.Errorf("%w: its discovery document names another issuer than sign_in.oidc.issuer", ErrUnavailable)
	}
	return fmt.Errorf("%w: read its discovery document: %s", ErrUnavailable, reason(err))
}

func exchangeError(err error) error {
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) {
		return fmt.Errorf("%w: exchange the code: %s", ErrUnavailable, reason(err))
	}
	status := 0
	if answer.Response != nil {
		status = answer.Response.StatusCode
	}
	switch answer.ErrorCode {
	case "invalid_grant":
		return fmt.Errorf("%w: the code is not good (any more)", ErrRefused)
	case "invalid_client", "unauthorized_client", "invalid_scope", "unsupported_grant_type":
		return fmt.Errorf("%w: it answers %s", ErrMisconfigured, answer.ErrorCode)
	}
	if status >= http.StatusBadRequest && status < http.StatusInternalServerError && status != http.StatusTooManyRequests {
		return fmt.Errorf("%w: the code is refused with status %d", ErrRefused, status)
	}
	return fmt.Errorf("%w: exchange the code: status %d", ErrUnavailable, status)
}

func verifyError(err error) error {
	var expired *oidc.TokenExpiredError
	switch {
	case errors.As(err, &expired):
		return fmt.Errorf("%w: its ID token is out of time: compare the clocks", ErrRefused)
	case errors.Is(err, errNetwork):
		return fmt.Errorf("%w: fetch its keys: %s", ErrUnavailable, reason(err))
	}
	return fmt.Errorf("%w: its ID token is not this provider's, or not for this client", ErrRefused)
}
