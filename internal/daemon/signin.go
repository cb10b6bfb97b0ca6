package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/signon"
	"github.com/smokepop/smokepop/internal/web"
)

// passwords are the PBXs in the words of web's Passwords.
type passwords struct{ pbxes *pbxes }

// newPasswords returns nil where agents may not sign in so.
func newPasswords(cfg *config.Config, pbxes *pbxes) web.Passwords {
	if !cfg.SignIn.PBXPassword {
		return nil
	}
	return passwords{pbxes}
}

func (p passwords) Tenants() []screenpop.Tenant { return p.pbxes.tenants() }

func (p passwords) Check(ctx context.Context, agent screenpop.AgentID, password screenpop.Secret) (bool, error) {
	pbx := p.pbxes.of(agent.Tenant)
	if pbx == nil {
		return false, fmt.Errorf("tenant %s has no pbx.api", agent.Tenant)
	}
	return pbx.CheckPassword(ctx, string(agent.Extension), password)
}

// signOn is the identity provider in the words of web's SignOn.
type signOn struct{ *signon.Provider }

// newSignOn returns nil where there is no provider.
func newSignOn(cfg *config.Config) web.SignOn {
	o := cfg.SignIn.OIDC
	if o.Issuer == "" {
		return nil
	}
	return signOn{signon.New(signon.Config{
		Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: o.ClientSecret, Scopes: o.Scopes,
		RedirectURL: SignOnRedirectURL(cfg.PublicURL), UserNames: o.Microsoft(), HostedDomains: o.Google(),
	})}
}

// administration is who may use the admin page, in the words of web.
func administration(cfg *config.Config) web.Administration {
	var a web.Administration
	for _, t := range cfg.Tenants {
		a.Tenants = append(a.Tenants, t.Domain)
	}
	for _, admin := range cfg.Admins {
		theirs := web.Admin{Email: admin.Email}
		for _, t := range admin.Tenants {
			theirs.Tenants = append(theirs.Tenants, screenpop.Tenant(t))
		}
		a.Admins = append(a.Admins, theirs)
	}
	return a
}

// signOnName is what the button calls the provider.
func signOnName(o config.OIDC) string {
	if o.Name != "" {
		return o.Name
	}
	u, err := url.Parse(o.Issuer)
	switch {
	case err != nil:
		return ""
	case o.Microsoft():
		return "Microsoft 365"
	case o.Google():
		return "Google"
	}
	return cmp.Or(strings.TrimPrefix(u.Hostname(), "www."), o.Issuer)
}

func (s signOn) AuthorizeURL(ctx context.Context, a web.SignOnAttempt, choose bool) (string, error) {
	to, err := s.Provider.AuthorizeURL(ctx, signon.Attempt(a), choose)
	return to, signOnProblemOf(err)
}

func (s signOn) Email(ctx context.Context, code string, a web.SignOnAttempt) (string, error) {
	email, err := s.Provider.Email(ctx, code, signon.Attempt(a))
	return email, signOnProblemOf(err)
}

// signOnProblem is a failed sign-in as the agent is told of it.
type signOnProblem struct {
	error
	status   int
	sentence string
}

func (p signOnProblem) SignOnProblem() (int, string) { return p.status, p.sentence }
func (p signOnProblem) Unwrap() error                { return p.error }

func signOnProblemOf(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, signon.ErrNoEmail):
		return signOnProblem{err, http.StatusForbidden, "Your identity provider does not confirm an e-mail address of yours, so smokepop cannot tell which extension is yours. Tell your administrator."}
	case errors.Is(err, signon.ErrRefused):
		return signOnProblem{err, http.StatusForbidden, "This sign-in is used up or has taken too long. Begin again."}
	case errors.Is(err, signon.ErrMisconfigured):
		return signOnProblem{err, http.StatusBadGateway, "Your identity provider does not accept smokepop itself. Tell your administrator: the app's settings there and here do not fit."}
	}
	return signOnProblem{err, http.StatusBadGateway, "Your identity provider is not answering properly at the moment. Try again in a minute; if it stays so, tell your administrator."}
}
