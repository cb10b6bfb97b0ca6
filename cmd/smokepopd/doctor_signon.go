package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/daemon"
)

// signOn reads the identity provider's discovery document and begins a sign-in
// as a browser would, to see whether the provider knows the client and its
// redirect URI.
func (x *examination) signOn(ctx context.Context, c *chart) {
	o := x.cfg.SignIn.OIDC
	body, res, err := x.page(ctx, strings.TrimSuffix(o.Issuer, "/")+"/.well-known/openid-configuration")
	var cert *tls.CertificateVerificationError
	switch {
	case errors.As(err, &cert):
		c.fail(doAboutCertificate(cert, time.Now(), "something stands between this machine and the provider, or its list of authorities is old (ca-certificates)"), "%s: %v", o.Issuer, cert)
		return
	case err != nil:
		c.fail("compare sign_in.oidc.issuer with the provider's settings; check DNS, the firewall and the proxy", "%s does not answer: %v", o.Issuer, cause(err))
		return
	}
	var said struct {
		Issuer    string `json:"issuer"`
		Authorize string `json:"authorization_endpoint"`
	}
	switch err := json.Unmarshal(body, &said); {
	case res.StatusCode != http.StatusOK, err != nil, said.Authorize == "":
		c.fail("write the issuer as the provider's settings have it: the address before /.well-known/openid-configuration", "%s has no discovery document (%s)", o.Issuer, statusText(res.StatusCode))
		return
	case said.Issuer != o.Issuer:
		c.fail("write sign_in.oidc.issuer to the letter as the provider does: "+said.Issuer, "the discovery document is of another issuer than %s", o.Issuer)
		return
	}
	redirect := daemon.SignOnRedirectURL(x.cfg.PublicURL)
	page, res, err := x.page(ctx, signOnURL(said.Authorize, o.ClientID, redirect, o.Scopes))
	compare := "register exactly " + redirect + " at the provider, for the client " + o.ClientID + ", and allow the authorisation code grant"
	switch {
	case err != nil:
		c.fail("check DNS, the firewall and the proxy; browsers need this address too", "the provider's sign-in does not answer: %v", cause(err))
	case refusedSignOn(res, string(page)):
		c.fail(compare, "the provider refuses a sign-in of this client with the redirect URI %s (%s)", redirect, statusText(res.StatusCode))
	case res.StatusCode >= http.StatusInternalServerError:
		c.warn("try again", "the provider's sign-in answers %s", statusText(res.StatusCode))
	default:
		c.ok("%s shows its sign-in for the redirect URI %s", o.Issuer, redirect)
	}
}

// page is an address's answer with the beginning of its body.
func (x *examination) page(ctx context.Context, address string) ([]byte, *http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, err
	}
	res, err := x.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return body, res, err
}

func signOnURL(authorize, client, redirect string, scopes []string) string {
	u, err := url.Parse(authorize)
	if err != nil {
		return authorize
	}
	challenge := sha256.Sum256([]byte("nobody comes back with this verifier, which is as long as they are"))
	q := u.Query()
	for name, value := range map[string]string{
		"response_type": "code", "client_id": client, "redirect_uri": redirect, "scope": strings.Join(scopes, " "), "state": "smokepop-doctor", "nonce": "smokepop-doctor",
		"code_challenge": base64.RawURLEncoding.EncodeToString(challenge[:]), "code_challenge_method": "S256",
	} {
		q.Set(name, value)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// refusedSignOn tells whether a provider has refused a request to sign in. OpenID
// Connect says how for requests whose redirect URI is good; for others each
// provider has a page of its own: with a status of 4xx (most), at an address
// with an error in it (Google), or with a code in its text (Microsoft).
func refusedSignOn(res *http.Response, page string) bool {
	if to, err := res.Location(); err == nil {
		q := to.Query()
		return q.Has("error") || q.Has("authError") || strings.Contains(to.Path, "/error")
	}
	if res.StatusCode >= http.StatusBadRequest {
		return res.StatusCode < http.StatusInternalServerError
	}
	for _, code := range []string{"AADSTS50011", "AADSTS700016", "AADSTS90002", "redirect_uri_mismatch"} {
		if strings.Contains(page, code) {
			return true
		}
	}
	return false
}
