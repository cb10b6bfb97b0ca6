package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/daemon"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// clockTolerance is how far the clocks may differ: beyond it tokens seem to
// live longer or shorter than they do.
const clockTolerance = time.Minute

// knock asks a host of Smokeball for anything, without credentials: any answer
// will do, and has the time in it.
func (x *examination) knock(ctx context.Context, c *chart, address string) {
	start := time.Now()
	res, err := get(ctx, x.http, address+"/")
	var cert *tls.CertificateVerificationError
	switch {
	case errors.As(err, &cert):
		c.fail(doAboutCertificate(cert, time.Now(), "something stands between this machine and Smokeball, or its list of authorities is old (ca-certificates)"), "%s: %v", address, cert)
		return
	case err != nil:
		c.fail("check DNS, the firewall and the proxy: this machine has to reach it", "%s: no answer: %v", address, cause(err))
		return
	}
	took := time.Since(start)
	off, told := clockOff(start, took, res)
	switch {
	case !told:
		c.warn("is it a proxy that answers?", "%s: answers without saying the time", address)
	case off > clockTolerance:
		c.warn("set this machine's clock (timedatectl set-ntp true): tokens would seem to live longer or shorter than they do",
			"%s: answers, and the clocks differ by %v", address, off)
	default:
		c.ok("%s: answers in %d ms, the clocks agree", address, took.Milliseconds())
	}
}

// clockOff is how far the clock of who has answered is from ours. The answer was
// made some time between the start and the end; the header counts seconds.
func clockOff(start time.Time, took time.Duration, res *http.Response) (off time.Duration, told bool) {
	at, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return 0, false
	}
	return start.Add(took / 2).Sub(at).Truncate(time.Second).Abs(), true
}

// oauth is a tenant's app at Smokeball's authorisation server.
func (x *examination) oauth(t config.Tenant) (*smokeball.OAuth, string, error) {
	auth, _, _, err := daemon.SmokeballHosts(t)
	if err != nil {
		return nil, "", err
	}
	redirect := daemon.RedirectURL(x.cfg.PublicURL)
	return smokeball.NewOAuth(smokeball.OAuthConfig{
		AuthBase: auth, ClientID: t.Smokeball.ClientID, ClientSecret: t.Smokeball.ClientSecret, RedirectURL: redirect, HTTP: x.http,
	}), redirect, nil
}

// credentials asks for a token with a refresh token that nobody was given. The
// server looks at the client first (RFC 6749, 5.2), so what it finds wrong with
// the request tells whether it knows the client.
func (x *examination) credentials(ctx context.Context, c *chart, t config.Tenant) {
	app, _, err := x.oauth(t)
	if err != nil {
		c.fail("correct region and endpoints", "%v", err)
		return
	}
	_, err = app.Refresh(ctx, "smokepop-doctor-has-no-token")
	var said *smokeball.OAuthError
	switch {
	case errors.As(err, &said) && said.Kind == smokeball.InvalidGrant:
		c.ok("Smokeball knows the app %s and takes its secret", t.Smokeball.ClientID)
	case errors.As(err, &said) && said.Kind == smokeball.Misconfigured:
		c.fail("compare client_id and client_secret with Smokeball's developer console, to the letter: each region and environment has its own; then reload",
			"Smokeball does not take the app %s with its secret (%s)", t.Smokeball.ClientID, orStatus(said.Code, said.Status))
	case errors.As(err, &said) && said.Status != 0:
		c.warn("try again; see Smokeball's status page if it stays so", "Smokeball answers %s, which tells nothing of the app", orStatus(said.Code, said.Status))
	default:
		c.skip("mend what is said of smokeball first", "Smokeball's authorisation server gives no answer")
	}
}

func orStatus(code string, status int) string {
	if code == "" {
		return statusText(status)
	}
	return code
}

// redirectWords are what an authorisation server says of a request that it does
// not show to the user. Smokeball documents none of it: its server is known to
// say redirect_mismatch, on a page of its own or as a parameter of one.
var redirectWords = []string{"redirect_mismatch", "invalid_client", "unauthorized_client", "invalid_scope", "invalid_request"}

// redirect begins a pairing as a browser would and sees whether Smokeball shows
// its sign-in: it does so only for redirect URIs that are registered, to the
// letter.
func (x *examination) redirect(ctx context.Context, c *chart, t config.Tenant) {
	app, redirect, err := x.oauth(t)
	if err != nil {
		c.fail("correct region and endpoints", "%v", err)
		return
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, app.AuthorizeURL("smokepop-doctor", smokeball.NewVerifier()), nil)
	if err != nil {
		c.fail("correct endpoints.auth", "the address of the authorisation server cannot be used")
		return
	}
	res, err := x.http.Do(req)
	if err != nil {
		c.skip("mend what is said of smokeball first", "Smokeball's authorisation server gives no answer")
		return
	}
	defer res.Body.Close()
	page, _ := io.ReadAll(io.LimitReader(res.Body, 256<<10)) // what has come will do
	compare := "register exactly " + redirect + " as a callback of the app in Smokeball's developer console, or correct public_url: scheme, host, port, path and trailing slash count"
	switch said := refusal(res, string(page)); {
	case said == "redirect_mismatch":
		c.fail(compare, "Smokeball refuses the redirect URI %s (redirect_mismatch): nobody can pair", redirect)
	case said == "invalid_client", said == "unauthorized_client":
		c.fail("compare client_id with Smokeball's developer console: each region and environment has its own", "Smokeball does not know the app %s (%s): nobody can pair", t.Smokeball.ClientID, said)
	case said != "":
		c.fail("look at the app in Smokeball's developer console: it has to allow the authorisation code grant", "Smokeball refuses the request to pair (%s)", said)
	case res.StatusCode < http.StatusBadRequest:
		c.ok("Smokeball shows its sign-in for the redirect URI %s", redirect)
	case res.StatusCode < http.StatusInternalServerError:
		c.fail(compare, "Smokeball refuses the request to pair (%s) without saying why; most often the redirect URI is not registered", statusText(res.StatusCode))
	default:
		c.warn("try again; see Smokeball's status page if it stays so", "Smokeball answers %s", statusText(res.StatusCode))
	}
}

// refusal finds the word that a request was refused with; empty: none.
func refusal(res *http.Response, page string) string {
	if to, err := res.Location(); err == nil {
		said := to.Query().Get("error")
		if said != "" && !slices.Contains(redirectWords, said) {
			return "an error that smokepop does not know"
		}
		return said
	}
	if res.StatusCode < http.StatusBadRequest {
		return "" // a page that is shown to the user
	}
	for _, word := range redirectWords {
		if strings.Contains(page, word) {
			return word
		}
	}
	return ""
}
