package simulator

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

func (s *Smokeball) oauthRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /oauth2/authorize", s.endpoint(AuthorizeEndpoint, s.loginPage))
	mux.Handle("POST /oauth2/authorize", s.endpoint(AuthorizeEndpoint, s.consent))
	mux.Handle("POST /oauth2/token", s.endpoint(TokenEndpoint, s.token))
	mux.Handle("POST /oauth2/revoke", s.endpoint(RevokeEndpoint, s.revoke))
	return mux
}

// authorization is an authorisation request that may be shown to the user.
type authorization struct {
	client      *Client
	redirectURI string
	state       string
	challenge   string
	scopes      []string
}

// pageError is a fault of the request that must not be sent to its redirect
// URI, because that is what is in doubt.
type pageError struct{ code, sentence string }

func (e *pageError) Error() string { return e.code + ": " + e.sentence }

// redirectError is a fault that the application is told of.
type redirectError struct {
	authorization
	code string
}

func (e *redirectError) Error() string { return e.code }

var challengeShape = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// authorization checks a request to authorise. Its error is a *pageError or a
// *redirectError. s.mu is held.
func (s *Smokeball) authorization(q url.Values) (authorization, error) {
	for name, values := range q {
		if len(values) > 1 {
			return authorization{}, &pageError{"invalid_request", name + " was given more than once."}
		}
	}
	c, ok := s.clients[q.Get("client_id")]
	if !ok {
		return authorization{}, &pageError{"invalid_client", "No application has this client_id."}
	}
	a := authorization{client: c, redirectURI: q.Get("redirect_uri"), state: q.Get("state"), challenge: q.Get("code_challenge")}
	if !slices.Contains(c.RedirectURLs, a.redirectURI) {
		return authorization{}, &pageError{"redirect_mismatch", "The redirect_uri is not one of those registered for this application, to the letter."}
	}
	refuse := func(code string) (authorization, error) { return authorization{}, &redirectError{a, code} }
	if q.Get("response_type") != "code" {
		return refuse("unsupported_response_type")
	}
	switch method := q.Get("code_challenge_method"); {
	case a.challenge == "" && method == "" && s.opts.AllowMissingPKCE:
	case method != "S256" || !challengeShape.MatchString(a.challenge):
		return refuse("invalid_request")
	}
	a.scopes = c.Scopes
	if asked := strings.Fields(q.Get("scope")); len(asked) > 0 {
		for _, one := range asked {
			if !slices.Contains(c.Scopes, one) {
				return refuse("invalid_scope")
			}
		}
		a.scopes = asked
	}
	return a, nil
}

func (s *Smokeball) answerTo(a authorization, params url.Values) string {
	u, err := url.Parse(a.redirectURI)
	if err != nil {
		return a.redirectURI
	}
	q := u.Query()
	for k, v := range params {
		q[k] = v
	}
	if a.state != "" {
		q.Set("state", a.state)
	}
	if s.opts.Issuer != "" {
		q.Set("iss", s.opts.Issuer)
	}
	s.faults.redirect(q)
	u.RawQuery = q.Encode()
	return u.String()
}

func (s *Smokeball) refuseAuthorization(w http.ResponseWriter, r *http.Request, err error) {
	var told *redirectError
	if errors.As(err, &told) {
		http.Redirect(w, r, s.answerTo(told.authorization, url.Values{"error": {told.code}}), http.StatusFound)
		return
	}
	var page *pageError
	errors.As(err, &page)
	writePage(w, http.StatusBadRequest, "", errorPage, page.view())
}

const lastUserCookie = "simulated-smokeball-user"

func (s *Smokeball) loginPage(w http.ResponseWriter, r *http.Request, _ *Request) {
	s.mu.Lock()
	a, err := s.authorization(r.URL.Query())
	s.mu.Unlock()
	if err != nil {
		s.refuseAuthorization(w, r, err)
		return
	}
	view := loginView{Application: a.client.Name, Firm: s.opts.Firm.Name, Action: r.URL.RequestURI()}
	last, _ := r.Cookie(lastUserCookie)
	for i := range s.opts.Firm.Staff {
		person := &s.opts.Firm.Staff[i]
		if !person.canSignIn() {
			continue
		}
		if last != nil && last.Value == person.ID {
			view.Last = person
			continue
		}
		view.Staff = append(view.Staff, person)
	}
	// A browser that follows form-action looks at the redirect after the form
	// as well.
	writePage(w, http.StatusOK, originOf(a.redirectURI), signInPage, view)
}

// consent is the user's answer to the login page.
func (s *Smokeball) consent(w http.ResponseWriter, r *http.Request, _ *Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	if err := r.ParseForm(); err != nil {
		writePage(w, http.StatusBadRequest, "", errorPage, (&pageError{"invalid_request", "The form could not be read."}).view())
		return
	}
	if r.PostForm.Has("deny") {
		s.mu.Lock()
		a, err := s.authorization(r.URL.Query())
		s.mu.Unlock()
		if err == nil {
			err = &redirectError{a, "access_denied"}
		}
		s.refuseAuthorization(w, r, err)
		return
	}
	person := s.opts.Firm.staff(func(p *Staff) bool { return p.ID == r.PostForm.Get("user") })
	target, err := s.approve(r.URL.Query(), person)
	if err != nil {
		s.refuseAuthorization(w, r, err)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: lastUserCookie, Value: person.ID, Path: "/oauth2/", MaxAge: int(time.Hour / time.Second),
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	http.Redirect(w, r, target, http.StatusFound)
}

func (s *Smokeball) approve(q url.Values, person *Staff) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.authorization(q)
	if err != nil {
		return "", err
	}
	if person == nil || !person.canSignIn() {
		return "", &pageError{"invalid_user", "This user cannot sign in."}
	}
	value := "code-" + rand.Text()
	s.codes[value] = &code{
		client: a.client.ID, redirectURI: a.redirectURI, challenge: a.challenge, staff: person,
		scopes: slices.Clone(a.scopes), expires: s.now().Add(s.opts.CodeLife),
	}
	return s.answerTo(a, url.Values{"code": {value}}), nil
}

// SignIn answers an authorisation request as the user with this e-mail would
// who opens it in a browser and agrees. It returns the URL the browser is sent
// to.
func (s *Smokeball) SignIn(authorizeURL, email string) (string, error) {
	u, err := url.Parse(authorizeURL)
	if err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	target, err := s.approve(u.Query(), s.opts.Firm.staff(func(p *Staff) bool { return p.Email == email }))
	var told *redirectError
	if errors.As(err, &told) {
		return s.answerTo(told.authorization, url.Values{"error": {told.code}}), nil
	}
	return target, err
}

func originOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
