package simulator

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// code is an authorisation code.
type code struct {
	client, redirectURI, challenge string
	staff                          *Staff
	scopes                         []string
	expires                        time.Time
	used                           bool
	grant                          *grant // what it was exchanged for
}

// grant is one sign-in of one user at one application, with every token that
// came of it: the family that reuse detection revokes.
type grant struct {
	client   string
	staff    *Staff
	scopes   []string
	signedIn time.Time
	revoked  bool
	reused   bool
}

type accessToken struct {
	grant   *grant
	scopes  []string // as they were when it was made
	expires time.Time
}

type refreshToken struct {
	grant    *grant
	expires  time.Time
	replaced time.Time // when rotation put another in its place
}

// issueAccess makes an access token: a JWT in the shape Cognito has.
func (s *Smokeball) issueAccess(g *grant) string {
	now := s.now()
	if len(s.access) > 4096 {
		s.dropExpired()
	}
	subject := g.staff.UserID
	if s.opts.OpaqueSubject {
		sum := sha256.Sum256([]byte("subject of " + subject))
		subject = uuidFrom(sum[:])
	}
	expires := now.Add(s.opts.AccessLife)
	value := s.sign(map[string]any{
		"sub": subject, "username": subject, "client_id": g.client, "scope": strings.Join(g.scopes, " "),
		"token_use": "access", "iat": now.Unix(), "exp": expires.Unix(), "jti": rand.Text(),
	})
	s.access[value] = &accessToken{grant: g, scopes: g.scopes, expires: expires}
	return value
}

// dropExpired drops the access tokens whose end is long past.
func (s *Smokeball) dropExpired() {
	now := s.now()
	for value, t := range s.access {
		if now.Sub(t.expires) > time.Hour {
			delete(s.access, value)
		}
	}
}

// issueRefresh makes a refresh token. One that takes another's place lives as
// long as that would have: the time runs from the sign-in.
func (s *Smokeball) issueRefresh(g *grant) string {
	value := "rt-" + rand.Text()
	s.refresh[value] = &refreshToken{grant: g, expires: g.signedIn.Add(s.opts.RefreshLife)}
	return value
}

func (s *Smokeball) sign(claims map[string]any) string {
	header, _ := json.Marshal(map[string]string{"alg": "HS256", "typ": "JWT", "kid": "simulator"})
	body, _ := json.Marshal(claims) // strings and integers: cannot fail
	signed := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(body)
	mac := hmac.New(sha256.New, s.jwtKey)
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Grant is what came of one sign-in.
type Grant struct {
	Email    string
	ClientID string
	Scopes   []string
	SignedIn time.Time
	Revoked  bool
	Reused   bool // revoked because a rotated refresh token came back
}

// Grants returns every sign-in, oldest first.
func (s *Smokeball) Grants() []Grant {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Grant
	for _, g := range s.grants {
		out = append(out, Grant{g.staff.Email, g.client, slices.Clone(g.scopes), g.signedIn, g.revoked, g.reused})
	}
	return out
}

// Tokens is what a user's applications could use right now.
type Tokens struct{ Access, Refresh []string }

// Tokens returns the tokens of a user that the servers would accept.
func (s *Smokeball) Tokens(email string) Tokens {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out Tokens
	now := s.now()
	for value, t := range s.access {
		if t.grant.staff.Email == email && (!t.grant.revoked || s.opts.StatelessAccess) && now.Before(t.expires) {
			out.Access = append(out.Access, value)
		}
	}
	for value, t := range s.refresh {
		if t.grant.staff.Email == email && s.usable(t) {
			out.Refresh = append(out.Refresh, value)
		}
	}
	return out
}

func (s *Smokeball) usable(t *refreshToken) bool {
	now := s.now()
	return !t.grant.revoked && now.Before(t.expires) &&
		(t.replaced.IsZero() || now.Before(t.replaced.Add(s.opts.RotationGrace)))
}

// Revoked reports whether a refresh token is one that an application has
// revoked at /oauth2/revoke.
func (s *Smokeball) Revoked(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revoked[token]
}

// RevokedCount returns how many different refresh tokens applications have
// revoked.
func (s *Smokeball) RevokedCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.revoked)
}

// ExpireAccess lets the access tokens of a user expire now; "" is everybody.
func (s *Smokeball) ExpireAccess(email string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.access {
		if email == "" || t.grant.staff.Email == email {
			t.expires = s.now()
		}
	}
}

// ExpireRefresh lets the refresh tokens of a user expire now; "" is everybody.
func (s *Smokeball) ExpireRefresh(email string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.refresh {
		if email == "" || t.grant.staff.Email == email {
			t.expires = s.now()
		}
	}
}

// RevokeUser takes back what a user has granted, as a firm does that
// uninstalls the application; "" is everybody.
func (s *Smokeball) RevokeUser(email string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.grants {
		if email == "" || g.staff.Email == email {
			g.revoked = true
		}
	}
}
