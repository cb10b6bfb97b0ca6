package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Admin serves the commands on the admin socket. Who may open the socket may
// do everything here: it must never be reachable over a network.
func (s *Server) Admin() http.Handler {
	r := chi.NewRouter()
	r.Use(identified)
	s.refusals(r)
	r.Get("/v1/agents", s.answer(s.adminAgents))
	r.Post("/v1/invites", s.answer(s.adminInvite))
	r.Get("/v1/sessions", s.answer(s.adminSessions))
	r.Post("/v1/sign-out", s.answer(s.adminSignOut))
	r.Post("/v1/unpair", s.answer(s.adminUnpair))
	r.Get("/v1/configuration", s.answer(s.adminConfiguration))
	r.Post("/v1/admin/links", s.answer(s.adminLink))
	r.Get("/v1/admin/sessions", s.answer(s.adminOwnSessions))
	r.Post("/v1/admin/sign-out", s.answer(s.adminOwnSignOut))
	r.Get("/v1/trace", s.answer(s.adminTrace))
	r.Get("/v1/calls", s.answer(s.adminCalls))
	r.Post("/v1/dry-run", s.answer(s.adminDryRun))
	r.Get("/v1/numbers", s.answer(s.adminNumbers))
	r.Get("/v1/capture", s.answer(s.adminCapture))
	r.Get("/v1/keys", s.answer(s.adminKeys))
	r.Post("/v1/keys/rotate", s.answer(s.adminRotate))
	r.Get("/v1/backup", s.answer(s.adminBackup))
	r.Get("/v1/directory", s.answer(s.adminDirectory))
	r.Post("/v1/directory/refresh", s.answer(s.adminRefresh))
	r.Post("/v1/doctor/knock", s.answer(s.adminExpectKnock))
	r.Get("/v1/doctor/knock/{nonce}", s.answer(s.adminHeardKnock))
	r.Get("/v1/doctor/webhooks", s.answer(s.adminDoctorWebhooks))
	r.Post("/v1/doctor/firm", s.answer(s.adminDoctorFirm))
	r.Post("/v1/doctor/access", s.answer(s.adminDoctorAccess))
	r.Post("/v1/doctor/search", s.answer(s.adminDoctorSearch))
	return r
}

func (s *Server) adminAgents(w http.ResponseWriter, r *http.Request) error {
	type row struct {
		screenpop.Agent
		Pairing screenpop.Pairing `json:"pairing"`
		Screens int               `json:"screens"`
		Use
	}
	tenant, extension := named(r)
	seen := reachIn(r.Context())
	rows := []row{}
	for _, a := range s.directory.Agents() {
		if seen.sees(a.Tenant) && (tenant == "" || a.Tenant == tenant) && (extension == "" || a.Extension == extension) {
			one := row{Agent: a, Pairing: s.pairings.Pairing(a.AgentID), Screens: s.screens.Screens(a.AgentID)}
			if s.usage != nil {
				one.Use = s.usage.Use(a.AgentID)
			}
			rows = append(rows, one)
		}
	}
	if len(rows) == 0 && (tenant != "" || extension != "") {
		return noAgent(tenant, extension)
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(len(a.Extension), len(b.Extension)), cmp.Compare(a.Extension, b.Extension))
	})
	return writeJSON(w, map[string]any{"agents": rows})
}

func named(r *http.Request) (screenpop.Tenant, screenpop.Extension) {
	q := r.URL.Query()
	return screenpop.ParseTenant(q.Get("tenant")), screenpop.Extension(q.Get("extension"))
}

// noAgent says whom there is not, and nothing of whom there is.
func noAgent(tenant screenpop.Tenant, extension screenpop.Extension) error {
	switch {
	case tenant == "":
		return refuse(http.StatusNotFound, fmt.Sprintf("there is no agent with extension %q", extension))
	case extension == "":
		return refuse(http.StatusNotFound, fmt.Sprintf("there is no agent in tenant %q", tenant))
	}
	return refuse(http.StatusNotFound, fmt.Sprintf("there is no agent with extension %q in tenant %q", extension, tenant))
}

// whom reads the agent a command names.
func (s *Server) whom(w http.ResponseWriter, r *http.Request) (screenpop.AgentID, error) {
	var in screenpop.AgentID
	if err := s.decode(w, r, &in); err != nil {
		return in, err
	}
	return s.known(r, in)
}

// known returns the agent that is meant by what an admin wrote.
func (s *Server) known(r *http.Request, in screenpop.AgentID) (screenpop.AgentID, error) {
	in.Tenant = screenpop.ParseTenant(string(in.Tenant))
	if in.Tenant == "" || in.Extension == "" {
		return in, refuse(http.StatusBadRequest, "name the agent: tenant and extension are both needed")
	}
	a, known := s.directory.Agent(in)
	if !known || !reachIn(r.Context()).sees(in.Tenant) {
		return in, noAgent(in.Tenant, in.Extension)
	}
	return a.AgentID, nil
}

func (s *Server) adminInvite(w http.ResponseWriter, r *http.Request) error {
	agent, err := s.whom(w, r)
	if err != nil {
		return err
	}
	made, err := s.makeInvite(r, commanding(r), agent)
	if err != nil {
		return err
	}
	return writeJSON(w, made)
}

// inviteLink is a link that signs an agent's browser in, as the admin API tells
// of it.
type inviteLink struct {
	URL string `json:"url"`
	screenpop.AgentID
	Expires time.Time `json:"expires"`
}

// adminSignOut ends all of an agent's sessions, and the invites that would
// begin new ones; or the one session that is named.
func (s *Server) adminSignOut(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		screenpop.AgentID
		Session string `json:"session"`
		Reason  string `json:"reason"`
	}
	if err := s.decode(w, r, &in); err != nil {
		return err
	}
	agent, err := s.known(r, in.AgentID)
	if err != nil {
		return err
	}
	ended, err := s.forceSignOut(r, forced{commanding(r), in.Reason}, agent, in.Session)
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]int{"sessions": ended})
}

func (s *Server) adminUnpair(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		screenpop.AgentID
		Reason string `json:"reason"`
	}
	if err := s.decode(w, r, &in); err != nil {
		return err
	}
	agent, err := s.known(r, in.AgentID)
	if err != nil {
		return err
	}
	done, err := s.forceUnpair(r, forced{commanding(r), in.Reason}, agent)
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]bool{"revoked": done.Revoked, "was_paired": done.WasPaired})
}
