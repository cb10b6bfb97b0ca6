package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// Doctor examines a firm's Smokeball with an agent's authorisation, which never
// leaves the daemon. It changes nothing. An error that is a [DoctorProblem] is
// told to the admin in its own words.
type Doctor interface {
	// Firm returns the name of the firm whose account the agent is paired with.
	Firm(ctx context.Context, agent screenpop.AgentID) (string, error)
	// Access tries what the agent's authorisation opens.
	Access(ctx context.Context, agent screenpop.AgentID) (AccessReport, error)
	// Webhooks tells when each tenant's PBX was last heard of, and since when
	// that is counted.
	Webhooks() (since time.Time, list []WebhookReport)
	// Search tries the ways to search for a number. contact, if any, is the id
	// of the contact that has to be found.
	Search(ctx context.Context, agent screenpop.AgentID, number, contact string) (SearchReport, error)
}

// DoctorProblem is an error of [Doctor] that says how it looks from outside.
type DoctorProblem interface {
	error
	DoctorProblem() (status int, sentence string)
}

// AccessReport is what an agent's authorisation opens at Smokeball.
type AccessReport struct {
	Firm   string   `json:"firm"`   // the account's name; empty where it may not be read
	Scopes []string `json:"scopes"` // that the token names; null where it names none
	Doors  []Door   `json:"doors"`
}

// Door is one kind of question, by the scope it needs.
type Door struct {
	Scope   string `json:"scope"`
	Open    bool   `json:"open"`
	Status  int    `json:"status"`            // of Smokeball's answer; 0: there was none
	Problem string `json:"problem,omitempty"` // why there was none
}

// WebhookReport is when a tenant's PBX was last heard of by webhook.
type WebhookReport struct {
	Tenant  screenpop.Tenant `json:"tenant"`
	Last    *time.Time       `json:"last"`    // one that was understood; null: none
	Refused *RefusedWebhook  `json:"refused"` // the last that was not taken; null: none
}

// RefusedWebhook is a webhook that was not taken.
type RefusedWebhook struct {
	At     time.Time `json:"at"`
	Status int       `json:"status"`
	Detail string    `json:"detail"` // what the sender was told
	From   string    `json:"from"`   // its address
}

// SearchReport is what became of trying. It holds no name and no digit of a
// number but the masked one's.
type SearchReport struct {
	Number string        `json:"number"` // masked
	Field  string        `json:"field"`  // where the named contact has it; empty: nowhere, or no contact was named
	Trials []SearchTrial `json:"trials"`
	Plan   []string      `json:"plan"` // to be set as lookup.search; empty: nothing has found the contact
}

// SearchTrial is one search.
type SearchTrial struct {
	Search       string `json:"search"`
	Accepted     bool   `json:"accepted"`
	Hits         int    `json:"hits"`
	Verified     int    `json:"verified"` // of those read, how many have the number
	Found        bool   `json:"found"`    // the contact was among them
	Milliseconds int64  `json:"milliseconds"`
}

func (s *Server) adminDoctorFirm(w http.ResponseWriter, r *http.Request) error {
	agent, err := s.whom(w, r)
	if err != nil {
		return err
	}
	name, err := s.doctor.Firm(r.Context(), agent)
	if err != nil {
		err = doctorError("ask for the firm", err)
	}
	s.record(r, commanding(r), audit.Doctor{Check: "firm", Agent: agent}, err)
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]string{"firm": name})
}

func (s *Server) adminDoctorAccess(w http.ResponseWriter, r *http.Request) error {
	agent, err := s.whom(w, r)
	if err != nil {
		return err
	}
	report, err := s.doctor.Access(r.Context(), agent)
	if err != nil {
		err = doctorError("try the agent's access", err)
	}
	s.record(r, commanding(r), audit.Doctor{Check: "access", Agent: agent}, err)
	if err != nil {
		return err
	}
	return writeJSON(w, report)
}

func (s *Server) adminDoctorWebhooks(w http.ResponseWriter, r *http.Request) error {
	tenant, _ := named(r)
	since, list := s.doctor.Webhooks()
	if tenant != "" {
		list = slices.DeleteFunc(list, func(one WebhookReport) bool { return one.Tenant != tenant })
	}
	return writeJSON(w, map[string]any{"since": since, "tenants": list})
}

func (s *Server) adminDoctorSearch(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		screenpop.AgentID
		Number  string `json:"number"`
		Contact string `json:"contact"`
	}
	if err := s.decode(w, r, &in); err != nil {
		return err
	}
	agent, err := s.known(r, in.AgentID)
	if err != nil {
		return err
	}
	if in.Number == "" {
		return refuse(http.StatusBadRequest, "name the number to search for")
	}
	report, err := s.doctor.Search(r.Context(), agent, in.Number, in.Contact)
	if err != nil {
		err = doctorError("try the searches", err)
	}
	s.record(r, commanding(r), audit.Doctor{Check: "search", Agent: agent}, err)
	if err != nil {
		return err
	}
	return writeJSON(w, report)
}

// doctorError lets a DoctorProblem speak for itself.
func doctorError(doing string, err error) error {
	var dp DoctorProblem
	if !errors.As(err, &dp) {
		return failed(doing, err)
	}
	status, sentence := dp.DoctorProblem()
	return &HTTPError{Status: status, Msg: sentence, Err: fmt.Errorf("%s: %w", doing, err)}
}
