package daemon

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/web"
)

// ofOne are the commands that are about one tenant, which has to be named where
// there are several.
var ofOne = map[string]bool{"/v1/numbers": true, "/v1/dry-run": true}

// endless are the commands whose answer may go on for long.
var endless = map[string]bool{"/v1/trace": true, "/v1/numbers": true, "/v1/capture": true}

// command is the command that a request stands for, on the admin socket or of the
// admin page; "" for any other.
func command(r *http.Request) string {
	if strings.HasPrefix(r.URL.Path, "/v1/") {
		return r.URL.Path
	}
	c, _ := web.AdminCommand(r.URL.Path)
	return c
}

// administers is how the lobby, which has no tenants, lets those in who administer
// all of them.
func (p *parts) administers(cfg *config.Config) {
	p.configurations.set(cfg)
	p.web.SetAdministration(administration(cfg))
}

// pages serves the agents' listener of a member: what the admin page asks for goes
// to the owners of the tenants that the admin sees, all else to the agent's.
func (m *member) pages() http.Handler {
	f := m.browsers
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := web.AdminCommand(r.URL.Path); ok {
			f.administer(w, r, c)
			return
		}
		f.ServeHTTP(w, r)
	})
}

// administer takes a command of an admin's page to the owner of its tenant, or to
// those of all that the admin sees. Each of them looks again whether the admin is
// signed in, and how far he reaches; what no owner could say more about is refused
// here.
func (f *front) administer(w http.ResponseWriter, r *http.Request, command string) {
	fromOutside(r)
	asked, cancel := f.patient(r)
	defer cancel()
	visit, signed, err := f.lobby.web.AdminVisit(asked)
	switch {
	case err != nil:
		f.unknown(w, err)
		return
	case !signed || len(visit.Tenants) == 0:
		f.lobby.serve(w, r, f.service)
		return
	}
	body, err := readBody(w, r, adminBodyMost)
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, msgBody)
		return
	}
	tenant := tenantNamed(r, body)
	if tenant == "" && len(visit.Tenants) == 1 {
		tenant = visit.Tenants[0]
	}
	answer := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case slices.Contains(visit.Tenants, tenant):
			f.to(w, r, f.partOf(tenant), body)
		case tenant == "" && follows(r):
			f.followAll(w, r, f.partsOf(visit))
		case tenant == "" && ofAll[command]:
			f.everywhere(w, r, f.partsOf(visit))
		case tenant == "" && ofOne[command]:
			refuse(w, http.StatusBadRequest, "several tenants are configured: name one")
		default:
			r.Body = io.NopCloser(bytes.NewReader(body))
			f.lobby.serve(w, r, f.service)
		}
	}
	if !endless[command] {
		answer(w, r)
		return
	}
	// An admin who signs out does so at the lobby of some node.
	f.lobby.web.WhileAdmin(r.Context(), visit, func(ctx context.Context) { answer(w, r.WithContext(ctx)) })
}

const (
	// adminsTurned is where members tell each other that an admin's session may have
	// ended. Nothing that is handed on can be taken for it: that names a part.
	adminsTurned = "/members/admins-turned"
	// turnedTime is how long who signs out waits for that. A member that is not
	// reached looks at its sessions within a minute.
	turnedTime = time.Second
)

// tellAdminsTurned tells the other members, if there are any, that an admin's
// session may have ended here.
func (p *parts) tellAdminsTurned(ctx context.Context) {
	m := p.ground.member
	if m == nil {
		return
	}
	m.lobby.web.AdminsTurned()
	ctx, cancel := context.WithTimeout(ctx, turnedTime)
	defer cancel()
	var wg sync.WaitGroup
	for _, other := range m.Members() {
		if other.Self {
			continue
		}
		wg.Go(func() {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+other.ID+adminsTurned, nil)
			if err != nil {
				return
			}
			if res, err := m.commands.http.RoundTrip(r); err == nil {
				_ = res.Body.Close()
			}
		})
	}
	wg.Wait()
}

// partsOf are the parts that have the tenants which an admin sees.
func (f *front) partsOf(visit web.AdminVisit) []int {
	var parts []int
	for _, t := range visit.Tenants {
		if part := f.partOf(t); part >= 0 {
			parts = append(parts, part)
		}
	}
	slices.Sort(parts)
	return slices.Compact(parts)
}

// lastingAnswer is an answer that may go on for as long as somebody reads: it is
// each piece that has to be through in time, not the whole.
type lastingAnswer struct {
	http.ResponseWriter
	rc *http.ResponseController
}

func lasting(w http.ResponseWriter) lastingAnswer {
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{}) // it would end the request when it passes
	_ = rc.SetWriteDeadline(time.Time{})
	return lastingAnswer{w, rc}
}

func (l lastingAnswer) Write(b []byte) (int, error) {
	_ = l.rc.SetWriteDeadline(time.Now().Add(writeTimeout))
	return l.ResponseWriter.Write(b)
}

// FlushError is how [http.ResponseController] flushes.
func (l lastingAnswer) FlushError() error {
	_ = l.rc.SetWriteDeadline(time.Now().Add(writeTimeout))
	err := l.rc.Flush()
	_ = l.rc.SetWriteDeadline(time.Time{})
	return err
}

// Unwrap leads [http.ResponseController] to the rest.
func (l lastingAnswer) Unwrap() http.ResponseWriter { return l.ResponseWriter }
