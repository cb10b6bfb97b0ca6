package simulator

import (
	"crypto/rand"
	"net/http"
	"time"
)

const (
	tokenLife   = 10 * time.Second
	maxSessions = 1000
)

// pbxSession is a token of the third-party login, and once it was used, the
// session.
type pbxSession struct {
	identity
	until  time.Time // of the token
	active bool
}

func (p *PBX) session(value string) (identity, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.sessions[value]
	if s == nil || !s.active {
		return identity{}, false
	}
	return s.identity, true
}

// EndSessions forgets every session, as a restart of the PBX does. Sockets
// that are open stay open: see CutSockets.
func (p *PBX) EndSessions() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.sessions)
}

// showSession answers anybody. That Basic makes no session is documented, what
// is told is not.
func (p *PBX) showSession(w http.ResponseWriter, r *http.Request) {
	out := map[string]any{"name": "", "domain": "", "login": false}
	if c, err := r.Cookie("session"); err == nil {
		if id, ok := p.session(c.Value); ok {
			out = map[string]any{"name": id.user, "domain": id.domain, "login": true}
		}
	}
	tell(w, out)
}

func (p *PBX) postSession(w http.ResponseWriter, r *http.Request) {
	if origin := r.Header.Get("Origin"); origin != "" {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Allow-Credentials", "true")
	}
	var ask struct {
		Name, Value, Username, Domain string
		Admin                         bool
	}
	if !told(w, r, &ask) {
		return
	}
	switch ask.Name {
	case "3rd":
		p.issueToken(w, r, identity{level: extensionLevel, domain: ask.Domain, user: ask.Username}, ask.Admin)
	case "session":
		p.useToken(w, ask.Value)
	default:
		tell(w, false)
	}
}

// issueToken gives a system administrator a token for somebody.
func (p *PBX) issueToken(w http.ResponseWriter, r *http.Request, of identity, admin bool) {
	by, ok := p.who(r)
	if !ok || by.level != systemLevel || !by.self {
		tell(w, false) // with 200: seen at a real one
		return
	}
	if by.noAPI {
		refuse(w, http.StatusForbidden, "Forbidden")
		return
	}
	switch {
	case of.domain == "" && admin:
		of = identity{level: systemLevel}
	case of.domain != p.opts.Firm.Domain || of.user != "" && !p.isExtension(of.user):
		noSuchThing(w)
		return
	case of.user == "":
		of.level = tenantLevel
	}
	token := rand.Text()[:20]
	p.mu.Lock()
	defer p.mu.Unlock()
	for value, s := range p.sessions {
		if !s.active && !p.opts.Now().Before(s.until) {
			delete(p.sessions, value)
		}
	}
	if len(p.sessions) >= maxSessions {
		refuse(w, http.StatusServiceUnavailable, "Service Unavailable")
		return
	}
	p.sessions[token] = &pbxSession{identity: of, until: p.opts.Now().Add(tokenLife)}
	tell(w, token)
}

func (p *PBX) useToken(w http.ResponseWriter, token string) {
	p.mu.Lock()
	s := p.sessions[token]
	ok := s != nil && !s.active && p.opts.Now().Before(s.until)
	if ok {
		s.active = true
	}
	p.mu.Unlock()
	if ok {
		// Written by hand: the order is the documented one.
		w.Header().Set("Set-Cookie", "session="+token+"; Path=/; SameSite=Strict; Secure; HttpOnly")
	}
	tell(w, ok)
}
