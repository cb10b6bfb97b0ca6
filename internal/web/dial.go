package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// DialWay says what a number on the page is.
type DialWay string

// The ways to dial.
const (
	DialByPBX DialWay = "pbx" // a button: the PBX rings the agent's phone and calls the number
	DialByTel DialWay = "tel" // a tel: link, for whatever program of the agent's takes it
	DialOff   DialWay = "off" // plain text
)

// Dialler has agents' phones dial.
type Dialler interface {
	Way(screenpop.Tenant) DialWay
	// Shown tells whether number came to the agent with a call that is still on
	// the page; a pop's id that is not empty says with which.
	Shown(agent screenpop.AgentID, popID, number string) bool
	// Dial makes the agent's own phone ring and, once it is picked up, calls
	// number. An error that is a [DialProblem] is told to the agent in its own
	// words.
	Dial(ctx context.Context, agent screenpop.AgentID, number string) error
}

// DialProblem is an error of [Dialler] that says how it looks from outside: 502
// or, when the PBX gave no answer in time, 504; and one plain sentence for the
// agent.
type DialProblem interface {
	error
	DialProblem() (status int, sentence string)
}

// dialTime is how long an agent waits for the PBX at most.
const dialTime = 12 * time.Second

// What comes of a request to dial; metric labels.
const (
	dialled     = "dialled"
	dialRefused = "refused" // not a number of the agent's, or nobody dials here
	dialLimited = "limited"
	dialFailed  = "failed"
)

const (
	msgNoDialling   = "Numbers are not dialled from this page here. Dial by hand."
	msgNotShown     = "smokepop dials numbers of your own calls on this page only, and this one is not among them any more. Dial by hand."
	msgDialling     = "Your phone is being called already."
	msgManyDials    = "You have dialled too often in a short time. Wait a moment and try again."
	msgManyDialsAll = "Too many numbers are being dialled in the firm right now. Wait a moment and try again."
)

// dials is what the server keeps of dialling.
type dials struct {
	dialler Dialler
	limits  *dialLimits
	counts  *prometheus.CounterVec
}

func newDials(d Dialler, now func() time.Time) *dials {
	counts := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "smokepop_dials_total", Help: "Numbers that agents asked to be dialled, by what came of it.",
	}, []string{"outcome"})
	for _, outcome := range []string{dialled, dialRefused, dialLimited, dialFailed} {
		counts.WithLabelValues(outcome)
	}
	return &dials{dialler: d, limits: newDialLimits(now), counts: counts}
}

// way is how the agents of a tenant dial.
func (d *dials) way(t screenpop.Tenant) DialWay {
	if d.dialler == nil {
		return DialOff
	}
	return d.dialler.Way(t)
}

// dial has the agent's own phone dial a number the agent was shown: POST
// /api/dial. Every request of an agent leaves a line of audit.
func (s *Server) dial(w http.ResponseWriter, r *http.Request) error {
	se, agent, err := s.own(r)
	if err != nil {
		return err
	}
	var in struct {
		Pop    string `json:"pop"`
		Number string `json:"number"`
	}
	if err := s.decode(w, r, &in); err != nil {
		return err
	}
	outcome, err := s.dialFor(r, agent.AgentID, in.Pop, in.Number)
	s.dials.counts.WithLabelValues(outcome).Inc()
	s.record(r, asAgent(se, agent.AgentID), audit.Dial{Agent: agent.AgentID, Number: in.Number}, err)
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) dialFor(r *http.Request, agent screenpop.AgentID, popID, number string) (outcome string, err error) {
	if s.dials.way(agent.Tenant) != DialByPBX {
		return dialRefused, refuse(http.StatusForbidden, msgNoDialling)
	}
	// What is not the agent's counts too: numbers are not to be guessed.
	done, err := s.dials.limits.begin(agent)
	if err != nil {
		return dialLimited, err
	}
	defer done()
	if !s.dials.dialler.Shown(agent, popID, number) {
		return dialRefused, refuse(http.StatusForbidden, msgNotShown)
	}
	if err := s.dials.limits.all(); err != nil {
		return dialLimited, err
	}
	// The phone may ring though the browser has gone: what comes of it is
	// waited for.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), dialTime)
	defer cancel()
	if err := s.dials.dialler.Dial(ctx, agent, number); err != nil {
		return dialFailed, dialError(err)
	}
	return dialled, nil
}

// dialError lets a DialProblem speak for itself.
func dialError(err error) error {
	var dp DialProblem
	if !errors.As(err, &dp) {
		return failed("dial", err)
	}
	status, sentence := dp.DialProblem()
	if !slices.Contains([]int{http.StatusBadGateway, http.StatusGatewayTimeout}, status) {
		status = http.StatusBadGateway
	}
	return &HTTPError{Status: status, Msg: sentence, Err: fmt.Errorf("dial: %w", err)}
}
