package web

import (
	"fmt"
	"net/http"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Calls knows the calls that agents have now.
type Calls interface {
	// Live returns the calls of a tenant, of all tenants when it is empty, oldest
	// first. ok is false when there is no such tenant.
	Live(tenant screenpop.Tenant) (calls []LiveCall, ok bool)
}

// LiveCall is a call under way: the firm's side of it. It tells nothing of whom
// Smokeball knows by the number.
type LiveCall struct {
	Tenant    screenpop.Tenant    `json:"tenant"`
	Call      screenpop.CallID    `json:"call"`
	Direction screenpop.Direction `json:"direction"`
	Number    string              `json:"number"` // masked
	Since     time.Time           `json:"since"`
	Agents    []CallAgent         `json:"agents"` // never empty
}

// CallAgent is an agent whose phone rings or who speaks.
type CallAgent struct {
	Extension screenpop.Extension `json:"extension"`
	State     screenpop.State     `json:"state"` // ringing or connected
	Since     time.Time           `json:"since"` // when the phone was first heard of
	Pop       bool                `json:"pop"`   // there is one for the call now
	Screens   int                 `json:"screens"`
}

func (s *Server) adminCalls(w http.ResponseWriter, r *http.Request) error {
	tenant, _ := named(r)
	calls := []LiveCall{}
	tenants := reachIn(r.Context()).named(tenant)
	for _, t := range tenants {
		live, ok := s.calls.Live(t)
		if !ok {
			tenants = nil
			break
		}
		calls = append(calls, live...)
	}
	if len(tenants) == 0 {
		return refuse(http.StatusNotFound, fmt.Sprintf("there is no tenant %q", tenant))
	}
	return writeJSON(w, map[string]any{"calls": calls})
}
