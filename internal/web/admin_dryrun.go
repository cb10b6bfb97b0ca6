package web

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// maxSample is room for the largest webhook, as a string in a JSON document.
const maxSample = 512 << 10

// DryRuns judges events that were not sent. An error that is a [DryRunProblem]
// is told to the admin in its own words.
type DryRuns interface {
	// DryRun tells what would become of a webhook, by the code that takes webhooks
	// in. Nothing is sent, looked up, remembered or counted. An empty tenant stands
	// for the only one there is.
	DryRun(tenant screenpop.Tenant, s Sample) (Trial, error)
}

// DryRunProblem is an error of [DryRuns] that says how it looks from outside.
type DryRunProblem interface {
	error
	DryRunProblem() (status int, sentence string)
}

// Sample is a webhook as the PBX would send it.
type Sample struct {
	Event       string `json:"event"`     // of the path /hooks/vodia/{domain}/{event}/{extension}; empty: the short path
	Extension   string `json:"extension"` // likewise
	ContentType string `json:"content_type"`
	Body        string `json:"body"`
	Query       string `json:"query"` // without the question mark
}

// Trial is what would become of a Sample.
type Trial struct {
	Tenant  screenpop.Tenant `json:"tenant"`
	Status  int              `json:"status"`  // the PBX would be answered
	Verdict string           `json:"verdict"` // accepted, a reason it is skipped for, or why it is refused
	Reason  string           `json:"reason"`  // one plain sentence, or empty
	Call    screenpop.CallID `json:"call"`
	// State and Direction are empty where the event does not tell of a call, or of
	// none that counts.
	State     screenpop.State     `json:"state"`
	Direction screenpop.Direction `json:"direction"`
	// Number is the other party's in its canonical form, and as people of the
	// country write it: whoever tries an event has it before them. Empty: there is
	// none, or the call does not count whatever the number.
	Number  string       `json:"number"`
	Display string       `json:"display"`
	Agents  []TrialAgent `json:"agents"` // those who would have the call
	// Concerned are the extensions that the event is about.
	Concerned []string     `json:"concerned"`
	Fields    []TrialField `json:"fields"`
	Hints     []string     `json:"hints"` // what to change in the PBX's template, one sentence each
}

// TrialAgent is somebody who would have the call, and what a pop needs beside it.
type TrialAgent struct {
	Extension screenpop.Extension    `json:"extension"`
	Queue     string                 `json:"queue"` // what the card would say the call came by
	Pairing   screenpop.PairingState `json:"pairing"`
	Screens   int                    `json:"screens"` // open now
	// Pops is when the agent's settings show calls of this direction: ringing,
	// connected or off.
	Pops string `json:"pops"`
}

// TrialField is a field of the event.
type TrialField struct {
	Source string `json:"source"` // path, body or query
	Name   string `json:"name"`
	Field  string `json:"field"` // what it is taken as; empty: not known
	Shape  string `json:"shape"`
}

func (s *Server) adminDryRun(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Tenant string `json:"tenant"`
		Sample
	}
	if err := s.decodeUpTo(w, r, &in, maxSample); err != nil {
		return err
	}
	tenant := screenpop.ParseTenant(in.Tenant)
	tenants := reachIn(r.Context()).named(tenant)
	switch {
	case len(tenants) == 0:
		return refuse(http.StatusNotFound, fmt.Sprintf("there is no tenant %q", tenant))
	case len(tenants) > 1:
		return refuse(http.StatusBadRequest, "several tenants are configured: name one")
	}
	trial, err := s.dryRuns.DryRun(tenants[0], in.Sample)
	var known DryRunProblem
	switch {
	case errors.As(err, &known):
		status, sentence := known.DryRunProblem()
		return &HTTPError{Status: status, Msg: sentence, Err: fmt.Errorf("try an event: %w", err)}
	case err != nil:
		return failed("try an event", err)
	}
	s.record(r, commanding(r), audit.DryRun{Tenant: trial.Tenant}, nil)
	return writeJSON(w, trial)
}
