package config

import (
	"net/url"
	"slices"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// SignIn says how agents may sign in.
type SignIn struct {
	Invite      bool `mapstructure:"invite"`
	PBXPassword bool `mapstructure:"pbx_password"` // at tenants with pbx.api.url, of which there is one at least
	OIDC        OIDC `mapstructure:"oidc"`
}

// OIDC is single sign-on; without an issuer there is none.
type OIDC struct {
	Issuer           string           `mapstructure:"issuer"` // to the letter: tokens name it
	ClientID         string           `mapstructure:"client_id"`
	ClientSecret     screenpop.Secret `mapstructure:"client_secret"` // empty: a public client
	ClientSecretFile string           `mapstructure:"client_secret_file"`
	Name             string           `mapstructure:"name"`   // what the button says; empty: of the issuer
	Scopes           []string         `mapstructure:"scopes"` // openid and email are among them
}

// Embed says whose pages may show smokepop in a frame.
type Embed struct {
	AllowedParents []string `mapstructure:"allowed_parents"` // origins, as browsers write them
}

// maxParents keeps the header that names them short.
const maxParents = 20

func (l *loader) signIn(cfg *Config) {
	s := cfg.SignIn
	if s.PBXPassword && !l.known("sign_in.pbx_password") && !slices.ContainsFunc(cfg.Tenants, func(t Tenant) bool { return t.PBX.API.URL != "" }) {
		l.problem("sign_in.pbx_password", "is on, and no tenant has pbx.api.url: the PBX is asked there whether a password is right")
	}
	l.oidc(s.OIDC)
	if !s.Invite && !s.PBXPassword && s.OIDC.Issuer == "" && !l.known("sign_in.invite", "sign_in.pbx_password", "sign_in.oidc.issuer") {
		l.problem("sign_in.invite", "is off, and no other way to sign in is on")
	}
}

func (l *loader) oidc(o OIDC) {
	const path = "sign_in.oidc"
	if o.Issuer == "" {
		if (o.ClientID != "" || o.ClientSecret != "") && !l.known(path+".issuer") {
			l.problem(path+".issuer", "is missing, and a client is set: write the provider's issuer, or leave all of oidc empty")
		}
		return
	}
	if !l.known(path + ".issuer") {
		l.issuer(path+".issuer", o.Issuer)
	}
	l.required(path+".client_id", o.ClientID)
	if len(o.Name) > 60 && !l.known(path+".name") {
		l.problem(path+".name", "is too long for a button: use up to 60 characters")
	}
	if l.known(path + ".scopes") {
		return
	}
	for i, s := range o.Scopes {
		if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			l.problem(index(path+".scopes", i), "%s is no scope", quote(s))
		}
	}
	for _, needed := range []string{"openid", "email"} {
		if !slices.Contains(o.Scopes, needed) {
			l.problem(path+".scopes", "must have %s among them", needed)
		}
	}
}

// issuer checks an issuer without changing it: it is compared to the letter.
//
// The issuers of Microsoft that are no firm's own sign people of all firms in,
// and each firm's admin may write any e-mail address into its people's
// accounts.
func (l *loader) issuer(path, issuer string) {
	if _, err := baseURL(issuer, true); err != nil {
		l.problem(path, "%s", err)
		return
	}
	if !(OIDC{Issuer: issuer}).Microsoft() {
		return
	}
	const own = "https://login.microsoftonline.com/YOUR-DIRECTORY-ID/v2.0"
	u, err := url.Parse(issuer)
	if err != nil {
		return // baseURL has read it
	}
	whose, version, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	switch strings.ToLower(whose) {
	case "", "common", "organizations", "consumers", "{tenantid}", "9188040d-6c67-4c5b-b112-36a304b66dad": // the last is of private accounts
		l.problem(path, "lets people of every firm sign in: write your own, %s", own)
	default:
		if version != "v2.0" {
			l.problem(path, "is not the one of Microsoft's version 2: write %s", own)
		}
	}
}

// Microsoft tells whether the provider is Microsoft Entra, which vouches for no
// e-mail address but for its people's user names.
func (o OIDC) Microsoft() bool {
	u, err := url.Parse(o.Issuer)
	return err == nil && slices.Contains([]string{
		"login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn", "login.microsoft.com", "login.windows.net", "sts.windows.net",
	}, strings.ToLower(u.Hostname()))
}

// Google tells whether the provider is Google, which confirms addresses also at
// private accounts.
func (o OIDC) Google() bool {
	u, err := url.Parse(o.Issuer)
	return err == nil && strings.EqualFold(u.Hostname(), "accounts.google.com")
}

func (l *loader) embed(e *Embed) {
	const path = "embed.allowed_parents"
	if l.known(path) {
		return
	}
	if len(e.AllowedParents) > maxParents {
		l.problem(path, "has more than %d origins", maxParents)
	}
	for i, parent := range e.AllowedParents {
		normal, err := baseURL(parent, false)
		switch {
		case l.known(index(path, i)):
		case strings.Contains(parent, "*"):
			l.problem(index(path, i), "must be one origin, such as https://portal.firm.example: wildcards are not taken")
		case err != nil:
			l.problem(index(path, i), "%s", err)
		default:
			e.AllowedParents[i] = normal
		}
	}
}
