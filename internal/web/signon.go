package web

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// SignOnCallback is the path the identity provider sends browsers back to.
const SignOnCallback = signOnPath + "/callback"

const (
	signOnPath = "/sign-in/oidc"
	// signOnLife is how long people may take at the provider.
	signOnLife = 10 * time.Minute
	signOnTime = 15 * time.Second
)

const (
	msgNoSignOn     = "Single sign-on is turned off here. Sign in another way."
	msgSignOnLost   = "This sign-in was begun in another browser, or too long ago. Begin again."
	msgSignOnDenied = "You were not signed in: your identity provider did not allow it, or you cancelled."
	msgSignOnNobody = "You are signed in as %s, and no extension has that e-mail address. Ask your administrator to enter it at your extension, or choose another account."
	msgSignOnTries  = "Too many sign-ins that came to nothing were made from your network. Wait a moment and try again."
)

// signOn is single sign-on; source nil is off.
type signOn struct {
	source SignOn
	name   string
}

// An attempt to sign on is a cookie of the browser that makes it: a token, and
// whom of several agents with one address it is for. State, nonce and verifier
// are made from the token, so there is nothing to keep here, nothing that
// strangers could fill up, and a restart of the daemon is not noticed.
type signOnAttempt struct {
	token string
	as    screenpop.AgentID // empty: whoever has the address
	admin bool              // it is for the admin page
}

// forAdmins stands in the cookie in the place of an agent.
const forAdmins = "admin"

func (a signOnAttempt) derived() SignOnAttempt {
	of := func(what string) string {
		h := hmac.New(sha256.New, []byte(a.token))
		h.Write([]byte(what))
		return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
	}
	return SignOnAttempt{State: of("state"), Nonce: of("nonce"), Verifier: of("verifier")}
}

func (a signOnAttempt) cookie() string {
	what := a.as.String()
	switch {
	case a.admin:
		what = forAdmins
	case a.as == (screenpop.AgentID{}):
		return a.token
	}
	return a.token + "." + base64.RawURLEncoding.EncodeToString([]byte(what))
}

func parseSignOnAttempt(cookie string) (a signOnAttempt, ok bool) {
	token, as, several := strings.Cut(cookie, ".")
	if len(token) != tokenLength {
		return a, false
	}
	a.token = token
	if several {
		b, err := base64.RawURLEncoding.DecodeString(as)
		if err != nil {
			return a, false
		}
		at := strings.LastIndexByte(string(b), '@')
		switch {
		case string(b) == forAdmins:
			a.admin = true
			return a, true
		case at < 0:
			return a, false
		}
		a.as = screenpop.AgentID{Extension: screenpop.Extension(b[:at]), Tenant: screenpop.Tenant(b[at+1:])}
	}
	return a, true
}

func (s *Server) signOnCookie() string { return s.cookieName() + "-sign-in" }

func (s *Server) setSignOnCookie(w http.ResponseWriter, value string) {
	maxAge := int(signOnLife.Seconds())
	if value == "" {
		maxAge = -1
	}
	http.SetCookie(w, &http.Cookie{
		Name: s.signOnCookie(), Value: value, Path: "/", MaxAge: maxAge,
		Secure: s.origin.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode, // the provider sends the browser back
	})
}

// beginSignOn sends the browser to the provider: GET /sign-in/oidc.
func (s *Server) beginSignOn(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	attempt := signOnAttempt{token: newToken()}
	if e := q.Get("extension"); e != "" {
		attempt.as = screenpop.AgentID{Tenant: screenpop.ParseTenant(q.Get("tenant")), Extension: screenpop.Extension(e)}
	}
	return s.sendToProvider(w, r, attempt)
}

// beginAdminSignOn is beginSignOn for the admin page: GET /admin/sign-in.
func (s *Server) beginAdminSignOn(w http.ResponseWriter, r *http.Request) error {
	if len(s.administration.Load().Admins) == 0 {
		return refuse(http.StatusNotFound, msgNoAdmins)
	}
	return s.sendToProvider(w, r, signOnAttempt{token: newToken(), admin: true})
}

func (s *Server) sendToProvider(w http.ResponseWriter, r *http.Request, attempt signOnAttempt) error {
	if s.signOn.source == nil {
		return refuse(http.StatusNotFound, msgNoSignOn)
	}
	ctx, cancel := context.WithTimeout(r.Context(), signOnTime)
	defer cancel()
	to, err := s.signOn.source.AuthorizeURL(ctx, attempt.derived(), r.URL.Query().Has("choose"))
	if err != nil {
		return s.signOnProblem(r, "begin single sign-on", err)
	}
	s.setSignOnCookie(w, attempt.cookie())
	http.Redirect(w, r, to, http.StatusFound)
	return nil
}

// finishSignOn takes the browser back from the provider: GET
// /sign-in/oidc/callback. Its errors are pages, not problem documents.
func (s *Server) finishSignOn(w http.ResponseWriter, r *http.Request) error {
	if s.signOn.source == nil {
		return refuse(http.StatusNotFound, msgNoSignOn)
	}
	attempt, err := s.takeSignOn(w, r)
	if err != nil {
		return err
	}
	tried := audit.SignIn{Method: byOIDC}
	from := client(r)
	done, wait := s.guesses.begin(from)
	if wait > 0 {
		return s.limited(r, tried, msgSignOnTries, wait)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), signOnTime)
	defer cancel()
	email, err := s.signOn.source.Email(ctx, r.URL.Query().Get("code"), attempt.derived())
	if err != nil {
		err = s.signOnProblem(r, "finish single sign-on", err)
		var he *HTTPError
		done(errors.As(err, &he) && he.Status == http.StatusForbidden)
		return err
	}
	done(false)
	if attempt.admin {
		return s.finishAdminSignOn(w, r, email)
	}
	theirs := s.agentsOf(email, attempt.as)
	switch len(theirs) {
	case 0:
		tried.Email = email
		return s.refused(r, tried, "no-agent", fmt.Sprintf(msgSignOnNobody, email))
	case 1:
	default:
		s.page.signOnChoice(w, signOnChoices(theirs))
		return nil
	}
	if err := s.begin(w, r, theirs[0].AgentID, byOIDC); err != nil {
		return err
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// takeSignOn returns the attempt that this browser has begun and the provider
// has answered. It is good for this one answer.
func (s *Server) takeSignOn(w http.ResponseWriter, r *http.Request) (signOnAttempt, error) {
	tried := audit.SignIn{Method: byOIDC}
	lost := func() (signOnAttempt, error) {
		return signOnAttempt{}, s.refused(r, tried, "not-begun-here", msgSignOnLost)
	}
	cookie, err := r.Cookie(s.signOnCookie())
	if err != nil {
		return lost()
	}
	q := r.URL.Query()
	attempt, ok := parseSignOnAttempt(cookie.Value)
	if !ok || !hmac.Equal([]byte(q.Get("state")), []byte(attempt.derived().State)) {
		return lost() // and another attempt, if there is one, goes on
	}
	s.setSignOnCookie(w, "")
	if q.Get("code") == "" {
		return signOnAttempt{}, s.refused(r, tried, "provider-denied", msgSignOnDenied)
	}
	return attempt, nil
}

// agentsOf returns the agents with an e-mail address; where one is asked for,
// that one at most.
func (s *Server) agentsOf(email string, as screenpop.AgentID) []screenpop.Agent {
	var theirs []screenpop.Agent
	for _, a := range s.directory.Agents() {
		if strings.EqualFold(strings.TrimSpace(a.Email), email) && (as == (screenpop.AgentID{}) || a.AgentID == as) {
			theirs = append(theirs, a)
		}
	}
	slices.SortFunc(theirs, func(a, b screenpop.Agent) int { return cmp.Compare(a.AgentID.String(), b.AgentID.String()) })
	return theirs
}

func (s *Server) signOnProblem(r *http.Request, doing string, err error) error {
	var p SignOnProblem
	if !errors.As(err, &p) {
		err = failed(doing, err)
		s.recordSignIn(r, audit.SignIn{Method: byOIDC}, "failed", err)
		return err
	}
	he := &HTTPError{Err: fmt.Errorf("%s: %w", doing, err)}
	he.Status, he.Msg = p.SignOnProblem()
	outcome, why := cannotTell, "provider-unavailable"
	if he.Status == http.StatusForbidden {
		outcome, why = signInRefused, "provider-answer-refused"
	}
	s.signIns.WithLabelValues(outcome).Inc()
	s.recordSignIn(r, audit.SignIn{Method: byOIDC}, why, he)
	return he
}

// signOnFailed shows the document that says why nobody is signed in.
func (s *Server) signOnFailed(w http.ResponseWriter, r *http.Request, he *HTTPError) {
	admin := r.URL.Path == adminSignOnPath
	if cookie, err := r.Cookie(s.signOnCookie()); err == nil && !admin {
		attempt, ok := parseSignOnAttempt(cookie.Value)
		admin = ok && attempt.admin
	}
	s.page.signOnFailed(w, r, he, admin)
}

// signOnChoices leads each agent's way through the provider once more: nothing
// has to be remembered of who has shown who he or she is.
func signOnChoices(agents []screenpop.Agent) []signOnChoice {
	var choices []signOnChoice
	for _, a := range agents {
		q := url.Values{"tenant": {string(a.Tenant)}, "extension": {string(a.Extension)}}
		choices = append(choices, signOnChoice{cmp.Or(a.Name, a.Email) + " (" + string(a.Extension) + ")", signOnPath + "?" + q.Encode()})
	}
	return choices
}
