package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// The limits of wrong passwords, beside that of an address. The one of a tenant
// keeps strangers from using up the tries that the PBX grants our address
// before it shuts it out.
const (
	extensionBurst = 5
	extensionEvery = time.Minute
	tenantBurst    = 20
	tenantEvery    = 15 * time.Second
)

const (
	msgNoPasswords   = "Signing in with a password is turned off here. Sign in another way."
	msgWrongPassword = "Extension and password do not fit together. Check both: it is the password of your extension at the PBX."
	msgPasswordTries = "There were too many attempts to sign in with a password. Wait a moment and try again."
	msgPBXAway       = "Your PBX could not check the password. Try again in a moment; if it stays so, tell your administrator."
)

// login is what an agent types.
type login struct {
	screenpop.AgentID
	Password screenpop.Secret `json:"password"`
}

// passwords is signing in with the PBX's passwords; source nil is off.
type passwords struct {
	source     Passwords
	extensions *guesses[screenpop.AgentID]
	tenants    *guesses[screenpop.Tenant]
}

func newPasswords(source Passwords, now func() time.Time) *passwords {
	return &passwords{
		source:     source,
		extensions: newGuessesOf[screenpop.AgentID](now, extensionBurst, extensionEvery),
		tenants:    newGuessesOf[screenpop.Tenant](now, tenantBurst, tenantEvery),
	}
}

// signInByPassword asks the PBX. It is asked about extensions that are no
// agent's too, so that neither words nor time tell which there are.
func (s *Server) signInByPassword(w http.ResponseWriter, r *http.Request, in login) error {
	p := s.passwords
	tried := audit.SignIn{Method: byPassword}
	if p.source == nil {
		err := refuse(http.StatusForbidden, msgNoPasswords)
		s.recordSignIn(r, tried, "turned-off", err)
		return err
	}
	id := screenpop.AgentID{
		Tenant: screenpop.ParseTenant(string(in.Tenant)), Extension: screenpop.Extension(strings.TrimSpace(string(in.Extension))),
	}
	tenants := p.source.Tenants()
	if id.Tenant == "" && len(tenants) == 1 {
		id.Tenant = tenants[0]
	}
	tried.Agent = s.typed(id, tenants)
	if !slices.Contains(tenants, id.Tenant) || id.Extension == "" || len(id.Extension) > 32 {
		s.guesses.wrong(client(r))
		return s.refused(r, tried, "no-such-extension", msgWrongPassword)
	}
	done, wait := s.tryPassword(r, id)
	if wait > 0 {
		return s.limited(r, tried, msgPasswordTries, wait)
	}
	// The PBX counts the try whether the browser waits for the answer or not.
	right, err := p.source.Check(context.WithoutCancel(r.Context()), id, in.Password)
	done(err == nil && !right)
	switch {
	case err != nil:
		s.signIns.WithLabelValues(cannotTell).Inc()
		err = &HTTPError{Status: http.StatusBadGateway, Msg: msgPBXAway, Err: fmt.Errorf("sign in with a password: %w", err)}
		s.recordSignIn(r, tried, "pbx-unavailable", err)
		return err
	case !right:
		return s.refused(r, tried, "wrong-password", msgWrongPassword)
	}
	agent, known := s.directory.Agent(id)
	if !known {
		return s.refused(r, tried, "no-agent", msgNoAgent)
	}
	if err := s.begin(w, r, agent.AgentID, byPassword); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// typed is whom somebody says to be, as far as that is fit to be recorded: people
// type their password into the wrong field.
func (s *Server) typed(id screenpop.AgentID, tenants []screenpop.Tenant) screenpop.AgentID {
	if _, known := s.directory.Agent(id); known {
		return id
	}
	if !slices.Contains(tenants, id.Tenant) {
		id.Tenant = ""
	}
	digits := strings.Trim(string(id.Extension), "0123456789") == ""
	if id.Extension != "" && (!digits || len(id.Extension) > longestExtension) {
		id.Extension = "(no extension)"
	}
	return id
}

// longestExtension is longer than extensions of PBXs are.
const longestExtension = 7

// tryPassword takes one try out of each limit, or none and returns how long it
// is until all have one.
func (s *Server) tryPassword(r *http.Request, id screenpop.AgentID) (done func(wrong bool), wait time.Duration) {
	address, ofAddress := s.guesses.begin(client(r))
	extension, ofExtension := s.passwords.extensions.begin(id)
	tenant, ofTenant := s.passwords.tenants.begin(id.Tenant)
	done = func(wrong bool) {
		for _, d := range []func(bool){address, extension, tenant} {
			if d != nil {
				d(wrong)
			}
		}
	}
	if wait = max(ofAddress, ofExtension, ofTenant); wait > 0 {
		done(false)
		return nil, wait
	}
	return done, 0
}

// oidcWay is single sign-on as a page offers it.
type oidcWay struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// signInWays tells a page without a session what it may offer: GET /api/sign-in.
func (s *Server) signInWays(w http.ResponseWriter, _ *http.Request) error {
	type password struct {
		Tenant screenpop.Tenant `json:"tenant"`
	}
	var ways struct {
		Invite      bool      `json:"invite"`
		PBXPassword *password `json:"pbx_password"`
		OIDC        *oidcWay  `json:"oidc"`
	}
	ways.Invite = !s.noInvites
	if p := s.passwords.source; p != nil {
		ways.PBXPassword = &password{}
		// Of several firms, none is told of the others.
		if tenants := p.Tenants(); len(tenants) == 1 {
			ways.PBXPassword.Tenant = tenants[0]
		}
	}
	if s.signOn.source != nil {
		ways.OIDC = &oidcWay{s.signOn.name, signOnPath}
	}
	return writeJSON(w, ways)
}
