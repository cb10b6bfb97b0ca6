package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/screenpop"
)

const (
	// adminSignOnPath begins single sign-on for the admin page. It comes back to
	// SignOnCallback: that alone has to be registered at the provider.
	adminSignOnPath = "/admin/sign-in"

	msgNoAdmins    = "There is no admin page here: the configuration names nobody under admins."
	msgNotAdmin    = "You are not signed in as an admin."
	msgNoAdminLink = "This link is not valid any more: it works once and within 15 minutes. Make a new one with: smokepopd admin link"
	msgNoSuchAdmin = "You are signed in as %s, and that address is not among the admins of smokepop. Choose another account, or ask whoever runs smokepop to name you under admins in its configuration."
	msgAdminGone   = "The admin this link was made for is not in the configuration any more."
)

// HeaderTimer marks what a page asks for by itself, with nobody at it. It does
// not keep a session from being idle.
const HeaderTimer = "Smokepop-Timer"

// SetAdministration puts others in the place of those who administer. Who is
// not among them any more is signed out by that.
func (s *Server) SetAdministration(a Administration) {
	s.administration.Store(&a)
	s.adminTurn.tell()
}

// AdminsTurned has sessions of admins looked at anew, as one may have ended at
// another daemon with this store.
func (s *Server) AdminsTurned() { s.adminTurn.tell() }

// turned tells here and elsewhere that an admin's session may have ended.
func (s *Server) turned(ctx context.Context) {
	s.adminTurn.tell()
	if s.tellAdminsTurned != nil {
		s.tellAdminsTurned(context.WithoutCancel(ctx))
	}
}

func (s *Server) adminCookieName() string { return s.cookieName() + "-admin" }

func (s *Server) setAdminCookie(w http.ResponseWriter, token string) {
	maxAge := int(adminSessionLife.Seconds())
	if token == "" {
		maxAge = -1
	}
	http.SetCookie(w, &http.Cookie{
		Name: s.adminCookieName(), Value: token, Path: "/", MaxAge: maxAge,
		// Strict: the document at /admin is the same for everybody, and all that it
		// asks for comes from itself.
		Secure: s.origin.secure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// adminSigned returns the session and the admin of a request, or the error that
// says 401. An admin whom the configuration does not name any more has none.
func (s *Server) adminSigned(r *http.Request) (session, Admin, error) {
	se, admin, err := s.adminOf(r)
	switch {
	case errors.Is(err, errNoSession):
		return session{}, Admin{}, refuse(http.StatusUnauthorized, msgNotAdmin)
	case err != nil:
		return session{}, Admin{}, failed("authenticate an admin", err)
	}
	if r.Header.Get(HeaderTimer) == "" {
		if err := s.signedAdmins.seen(r.Context(), se, visitorOf(r, se.Method)); err != nil {
			s.log.Warn("authenticate an admin", "error", err)
		}
	}
	return se, admin, nil
}

// adminOf returns the session and the admin of a request, or errNoSession.
func (s *Server) adminOf(r *http.Request) (session, Admin, error) {
	cookie, err := r.Cookie(s.adminCookieName())
	if err != nil {
		return session{}, Admin{}, errNoSession
	}
	se, err := s.signedAdmins.find(r.Context(), cookie.Value)
	if err != nil {
		return session{}, Admin{}, err
	}
	admin, known := s.administration.Load().admin(se.Admin)
	if !known {
		return session{}, Admin{}, errNoSession
	}
	return se, admin, nil
}

// forAdmin lets admins in, as far as each of them reaches. What changes something
// has to come from our own page.
func (s *Server) forAdmin(h handler) http.HandlerFunc {
	return s.admitting(func(w http.ResponseWriter, r *http.Request, _ session) error { return h(w, r) })
}

// forAdminOn is forAdmin for answers that may have no end of their own: they end
// with the session.
func (s *Server) forAdminOn(h handler) http.HandlerFunc {
	return s.admitting(func(w http.ResponseWriter, r *http.Request, se session) error {
		return s.whileSigned(r.Context(), se, func(ctx context.Context) error { return h(w, r.WithContext(ctx)) })
	})
}

func (s *Server) admitting(h func(http.ResponseWriter, *http.Request, session) error) http.HandlerFunc {
	return s.answer(func(w http.ResponseWriter, r *http.Request) error {
		if !s.fromHere(r) {
			return refuse(http.StatusForbidden, msgForeign)
		}
		se, admin, err := s.adminSigned(r)
		if err != nil {
			return err
		}
		ctx := withReach(r.Context(), reachOf(admin))
		return h(w, r.WithContext(audit.WithActor(ctx, asAdmin(admin.Email, se))), se)
	})
}

// fromHere tells whether our own page asks, or where nothing is changed, somebody
// at the location bar or a program. A page of a sibling site, with which the
// browser shares cookies, could not read the answer, but it could set Smokeball
// to work.
func (s *Server) fromHere(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return s.origin.sent(r)
	}
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "" || site == "same-origin" || site == "none"
}

func asAdmin(email string, se session) audit.Actor {
	return audit.ByAdmin(email, se.handle(), se.Device)
}

// adminWays tells how admins may sign in: GET /admin/api/sign-in.
func (s *Server) adminWays(w http.ResponseWriter, _ *http.Request) error {
	if len(s.administration.Load().Admins) == 0 {
		return refuse(http.StatusNotFound, msgNoAdmins)
	}
	var out struct {
		OIDC *oidcWay `json:"oidc"`
	}
	if s.signOn.source != nil {
		out.OIDC = &oidcWay{s.signOn.name, adminSignOnPath}
	}
	return writeJSON(w, out)
}

// adminSignIn turns a link into a session: POST /admin/api/session.
func (s *Server) adminSignIn(w http.ResponseWriter, r *http.Request) error {
	if !s.origin.sent(r) {
		return refuse(http.StatusForbidden, msgForeign)
	}
	from := client(r)
	if wait := s.guesses.wait(from); wait > 0 {
		s.signIns.WithLabelValues(tooManyGuesses).Inc()
		return s.adminRefused(r, audit.AdminSignIn{Method: byLink}, "too-many-tries",
			&HTTPError{Status: http.StatusTooManyRequests, Msg: msgSignOnTries, RetryAfter: wait})
	}
	var in struct {
		Link string `json:"link"`
	}
	if err := s.decode(w, r, &in); err != nil {
		return err
	}
	whose, err := s.adminLinks.use(r.Context(), in.Link)
	switch {
	case errors.Is(err, errNoInvite):
		s.guesses.wrong(from)
		s.signIns.WithLabelValues(signInRefused).Inc()
		return s.adminRefused(r, audit.AdminSignIn{Method: byLink}, "no-such-link", refuse(http.StatusForbidden, msgNoAdminLink))
	case err != nil:
		return failed("sign an admin in", err)
	}
	admin, known := s.administration.Load().admin(whose.Admin)
	if !known {
		s.signIns.WithLabelValues(signInRefused).Inc()
		return s.adminRefused(r, audit.AdminSignIn{Method: byLink, Admin: whose.Admin}, "no-admin", refuse(http.StatusForbidden, msgAdminGone))
	}
	if err := s.beginAdmin(w, r, admin, byLink); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) adminRefused(r *http.Request, tried audit.AdminSignIn, why string, err error) error {
	s.recordEntry(r, audit.Entry{By: visiting(r), Event: tried, Why: why}, err)
	return err
}

// finishAdminSignOn takes an admin back from the identity provider, which
// vouches for the address.
func (s *Server) finishAdminSignOn(w http.ResponseWriter, r *http.Request, email string) error {
	admin, known := s.administration.Load().admin(email)
	if !known {
		s.signIns.WithLabelValues(signInRefused).Inc()
		return s.adminRefused(r, audit.AdminSignIn{Method: byOIDC, Admin: email}, "no-admin",
			refuse(http.StatusForbidden, fmt.Sprintf(msgNoSuchAdmin, email)))
	}
	if err := s.beginAdmin(w, r, admin, byOIDC); err != nil {
		return err
	}
	http.Redirect(w, r, adminPath, http.StatusSeeOther)
	return nil
}

// beginAdmin signs the browser in as an admin. A session that it had as one so
// far ends; one as an agent goes on.
func (s *Server) beginAdmin(w http.ResponseWriter, r *http.Request, admin Admin, method string) error {
	v := visitorOf(r, method)
	token, err := s.signedAdmins.add(r.Context(), holder{Admin: admin.Email}, v)
	if err != nil {
		return s.adminRefused(r, audit.AdminSignIn{Method: method, Admin: admin.Email}, "not-stored", failed("sign an admin in", err))
	}
	if cookie, err := r.Cookie(s.adminCookieName()); err == nil {
		if id, ok := hashed(cookie.Value); ok {
			if err := s.signedAdmins.end(r.Context(), id); err != nil {
				s.log.Warn("end the browser's previous session as an admin", "error", err)
			}
		}
	}
	if _, err := s.signedAdmins.trim(r.Context(), holder{Admin: admin.Email}); err != nil {
		s.log.Warn("end an admin's surplus sessions", "error", err)
	}
	s.turned(r.Context())
	s.signIns.WithLabelValues(signedIn).Inc()
	id, _ := hashed(token)
	s.record(r, asAdmin(admin.Email, session{ID: id, visitor: v}), audit.AdminSignIn{Method: method, Admin: admin.Email}, nil)
	s.setAdminCookie(w, token)
	return nil
}

// adminSignsOut ends this browser's session as an admin: DELETE
// /admin/api/session.
func (s *Server) adminSignsOut(w http.ResponseWriter, r *http.Request) error {
	se, admin, err := s.adminSigned(r)
	if err != nil {
		return err
	}
	err = s.signedAdmins.end(r.Context(), se.ID)
	if err != nil {
		err = failed("sign an admin out", err)
	}
	s.record(r, asAdmin(admin.Email, se), audit.AdminSignOut{Admin: admin.Email, Cause: audit.SignedOut}, err)
	if err != nil {
		return err
	}
	s.turned(r.Context())
	s.setAdminCookie(w, "")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// adminMe tells the admin page who it is for: GET /admin/api/me.
func (s *Server) adminMe(w http.ResponseWriter, r *http.Request) error {
	se, admin, err := s.adminSigned(r)
	if err != nil {
		return err
	}
	re := reachOf(admin)
	return writeJSON(w, struct {
		Email      string             `json:"email"`
		Everything bool               `json:"everything"`
		Tenants    []screenpop.Tenant `json:"tenants"`
		Method     string             `json:"method"`
		Since      time.Time          `json:"since"`
	}{admin.Email, re.everything, re.of(s.administration.Load().Tenants), se.Method, se.Created})
}

// adminLink makes a link that signs an admin in: POST /v1/admin/links.
func (s *Server) adminLink(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Email string `json:"email"`
	}
	if err := s.decode(w, r, &in); err != nil {
		return err
	}
	admin, err := s.whichAdmin(in.Email)
	if err != nil {
		return err
	}
	token, expires, err := s.adminLinks.makeFor(r.Context(), holder{Admin: admin.Email})
	if err != nil {
		err = failed("make an admin's link", err)
	}
	s.record(r, commanding(r), audit.AdminLink{Admin: admin.Email, Expires: expires}, err)
	if err != nil {
		return err
	}
	return writeJSON(w, struct {
		URL     string    `json:"url"`
		Email   string    `json:"email"`
		Expires time.Time `json:"expires"`
	}{s.origin.url + adminPath + "#" + token, admin.Email, expires})
}

// whichAdmin is the one with the address; where there is one only, nobody has to
// be named.
func (s *Server) whichAdmin(email string) (Admin, error) {
	admins := s.administration.Load().Admins
	switch admin, known := s.administration.Load().admin(email); {
	case known:
		return admin, nil
	case len(admins) == 0:
		return Admin{}, refuse(http.StatusNotFound, "there is no admin: name one under admins in the configuration, and reload it")
	case email == "" && len(admins) == 1:
		return admins[0], nil
	case email == "":
		return Admin{}, refuse(http.StatusBadRequest, "name the admin by the e-mail address; there are "+addresses(admins))
	}
	return Admin{}, refuse(http.StatusNotFound, fmt.Sprintf("there is no admin %q; there are %s", email, addresses(admins)))
}

func addresses(admins []Admin) string {
	var all []string
	for _, a := range admins {
		all = append(all, a.Email)
	}
	return strings.Join(all, ", ")
}

// adminOwnSessions lists the browsers in which admins are signed in: GET
// /v1/admin/sessions.
func (s *Server) adminOwnSessions(w http.ResponseWriter, r *http.Request) error {
	all, err := s.signedAdmins.all(r.Context())
	if err != nil {
		return failed("list admins' sessions", err)
	}
	latestFirst(all)
	type row struct {
		Email string `json:"email"`
		deviceRow
	}
	rows := []row{}
	for _, se := range all {
		if _, known := s.administration.Load().admin(se.Admin); known && !s.signedAdmins.over(se) {
			rows = append(rows, row{se.Admin, s.row(se)})
		}
	}
	return writeJSON(w, map[string]any{"sessions": rows})
}

// adminOwnSignOut ends the sessions and links of an admin, or of all: POST
// /v1/admin/sign-out. The admin may have left the configuration.
func (s *Server) adminOwnSignOut(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Email string `json:"email"`
	}
	if err := s.decode(w, r, &in); err != nil {
		return err
	}
	in.Email = strings.ToLower(strings.TrimSpace(in.Email))
	theirs := func(whose holder) bool { return in.Email == "" || whose.Admin == in.Email }
	all, err := s.signedAdmins.all(r.Context())
	errs := []error{err, s.adminLinks.deleteIf(r.Context(), func(rec inviteRecord) bool { return theirs(rec.holder) })}
	ended := 0
	for _, se := range all {
		if !theirs(se.holder()) {
			continue
		}
		err := s.signedAdmins.end(r.Context(), se.ID)
		if err == nil {
			ended++
		}
		errs = append(errs, err)
	}
	s.turned(r.Context())
	if err = errors.Join(errs...); err != nil {
		err = failed("sign admins out", err)
	}
	s.record(r, commanding(r), audit.AdminSignOut{Admin: in.Email, Cause: audit.SignedOut}, err)
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]int{"sessions": ended})
}
