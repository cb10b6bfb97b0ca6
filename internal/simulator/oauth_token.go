package simulator

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
)

// tokenError is an OAuth error with its status.
type tokenError struct {
	status int
	code   string
}

func refused(code string) *tokenError { return &tokenError{http.StatusBadRequest, code} }

// form reads the form of the token and revoke endpoints.
func (s *Smokeball) form(w http.ResponseWriter, r *http.Request, req *Request) (url.Values, *tokenError) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/x-www-form-urlencoded" {
		return nil, refused("invalid_request")
	}
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	if err := r.ParseForm(); err != nil {
		return nil, refused("invalid_request")
	}
	s.seen.set(func() { req.Form = r.PostForm })
	for _, values := range r.PostForm {
		if len(values) > 1 {
			return nil, refused("invalid_request")
		}
	}
	return r.PostForm, nil
}

// authenticate finds the application that asks. Strictly, that is Basic and
// nothing else. s.mu is held.
func (s *Smokeball) authenticate(r *http.Request, form url.Values) (*Client, *tokenError) {
	id, secret, basic := r.BasicAuth()
	switch {
	case basic && form.Has("client_secret"):
		return nil, refused("invalid_request") // RFC 6749, 2.3: one method a request
	case !basic && s.opts.Lenient && form.Has("client_secret"):
		id, secret = form.Get("client_id"), form.Get("client_secret")
	case !basic:
		return nil, refused("invalid_client")
	}
	c, ok := s.clients[id]
	if !ok {
		if plain, err := url.QueryUnescape(id); err == nil { // RFC 6749, 2.3.1: form-encoded before Basic
			c, ok = s.clients[plain]
		}
	}
	if ok && !same(secret, c.Secret) {
		plain, err := url.QueryUnescape(secret)
		ok = err == nil && same(plain, c.Secret)
	}
	if !ok {
		return nil, &tokenError{http.StatusUnauthorized, "invalid_client"}
	}
	return c, nil
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func (s *Smokeball) token(w http.ResponseWriter, r *http.Request, req *Request) {
	answer, fault := s.grantTokens(w, r, req)
	if fault != nil {
		if fault.status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="smokeball"`)
		}
		oauthError(w, fault.status, fault.code)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	writeJSON(w, "application/json;charset=UTF-8", http.StatusOK, answer)
}

// tokenAnswer is an answer of the token endpoint, in the order of the
// documentation's samples.
type tokenAnswer struct {
	RefreshToken string `json:"refresh_token,omitempty"`
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
}

func (s *Smokeball) answer(g *grant, refresh string) *tokenAnswer {
	return &tokenAnswer{refresh, s.issueAccess(g), "Bearer", int64(s.opts.AccessLife.Seconds())}
}

func (s *Smokeball) grantTokens(w http.ResponseWriter, r *http.Request, req *Request) (*tokenAnswer, *tokenError) {
	form, fault := s.form(w, r, req)
	if fault != nil {
		return nil, fault
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer, fault := s.checkedGrant(r, form)
	if fault != nil {
		// "If the first request to exchange the code fails (even due to an
		// invalid parameter), the code becomes invalid."
		if c, ok := s.codes[form.Get("code")]; ok {
			c.used = true
		}
	}
	return answer, fault
}

func (s *Smokeball) checkedGrant(r *http.Request, form url.Values) (*tokenAnswer, *tokenError) {
	if r.URL.RawQuery != "" {
		return nil, refused("invalid_request") // credentials in a URL end up in logs
	}
	c, fault := s.authenticate(r, form)
	if fault != nil {
		return nil, fault
	}
	if !s.opts.Lenient {
		switch {
		case !form.Has("client_id"):
			return nil, refused("invalid_request")
		case form.Get("client_id") != c.ID:
			return nil, refused("invalid_client")
		case form.Has("scope"):
			return nil, refused("invalid_scope")
		}
	}
	switch form.Get("grant_type") {
	case "authorization_code":
		return s.exchange(c, form)
	case "refresh_token":
		return s.renew(c, form)
	case "":
		return nil, refused("invalid_request")
	}
	return nil, refused("unsupported_grant_type")
}

var verifierShape = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

func (s *Smokeball) exchange(c *Client, form url.Values) (*tokenAnswer, *tokenError) {
	if !form.Has("code") || !form.Has("redirect_uri") {
		return nil, refused("invalid_request")
	}
	found, ok := s.codes[form.Get("code")]
	if !ok {
		return nil, refused("invalid_grant")
	}
	if found.used {
		if found.grant != nil { // RFC 6749, 4.1.2: a replay takes back what the code gave
			found.grant.revoked = true
		}
		return nil, refused("invalid_grant")
	}
	found.used = true
	verifier := form.Get("code_verifier")
	sum := sha256.Sum256([]byte(verifier))
	switch {
	case found.client != c.ID, found.redirectURI != form.Get("redirect_uri"), !s.now().Before(found.expires):
		return nil, refused("invalid_grant")
	case found.challenge == "" && verifier != "":
		return nil, refused("invalid_grant") // RFC 9700: a challenge was cut out on the way
	case found.challenge != "" && !verifierShape.MatchString(verifier):
		return nil, refused("invalid_grant")
	case found.challenge != "" && !same(base64.RawURLEncoding.EncodeToString(sum[:]), found.challenge):
		return nil, refused("invalid_grant")
	}
	g := &grant{client: c.ID, staff: found.staff, scopes: found.scopes, signedIn: s.now()}
	found.grant = g
	s.grants = append(s.grants, g)
	return s.answer(g, s.issueRefresh(g)), nil
}

func (s *Smokeball) renew(c *Client, form url.Values) (*tokenAnswer, *tokenError) {
	if form.Get("refresh_token") == "" {
		return nil, refused("invalid_request")
	}
	t, ok := s.refresh[form.Get("refresh_token")]
	if !ok || t.grant.client != c.ID {
		return nil, refused("invalid_grant")
	}
	if !s.usable(t) {
		if !t.replaced.IsZero() && !t.grant.revoked {
			t.grant.revoked, t.grant.reused = true, true
		}
		return nil, refused("invalid_grant")
	}
	g := t.grant
	g.scopes = slices.DeleteFunc(slices.Clone(g.scopes), func(one string) bool { return !slices.Contains(c.Scopes, one) })
	if !s.opts.Rotation {
		return s.answer(g, ""), nil
	}
	if t.replaced.IsZero() {
		t.replaced = s.now()
	}
	return s.answer(g, s.issueRefresh(g)), nil
}

// revoke takes a refresh token back, and with it everything of its grant. It
// answers 200 also for a token that is gone or was never there.
func (s *Smokeball) revoke(w http.ResponseWriter, r *http.Request, req *Request) {
	form, fault := s.form(w, r, req)
	if fault == nil {
		s.mu.Lock()
		var c *Client
		if c, fault = s.authenticate(r, form); fault == nil {
			fault = s.takeBack(c, form.Get("token"))
		}
		s.mu.Unlock()
	}
	if fault != nil {
		oauthError(w, fault.status, fault.code)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (s *Smokeball) takeBack(c *Client, token string) *tokenError {
	if token == "" {
		return refused("invalid_request")
	}
	if _, access := s.access[token]; access {
		return refused("unsupported_token_type") // Cognito takes refresh tokens only
	}
	t, ok := s.refresh[token]
	if !ok {
		return nil
	}
	if t.grant.client != c.ID {
		return refused("unauthorized_client")
	}
	t.grant.revoked = true
	s.revoked[token] = true
	return nil
}
