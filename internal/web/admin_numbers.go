package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// Numbers looks through the numbers of a firm's contacts, with an agent's
// authorisation. It keeps and changes nothing. An error that is a [DoctorProblem]
// is told to the admin in its own words.
type Numbers interface {
	// Numbers reads the contacts that the agent may see, page by page, behind
	// everybody whose phone rings, and calls progress before the first page and after each. It ends soon
	// after ctx does. The error of progress ends it and is returned.
	Numbers(ctx context.Context, agent screenpop.AgentID, progress func(NumbersProgress) error) (NumbersReport, error)
}

// NumbersProgress is how far it has come.
type NumbersProgress struct {
	Read int `json:"read"` // contacts
	Of   int `json:"of"`   // all there are; 0: Smokeball did not say
}

// NumbersReport tells which numbers no call can be matched with. It holds no name
// and no digit of a number.
type NumbersReport struct {
	screenpop.AgentID           // with whose authorisation
	Contacts          int       `json:"contacts"`
	WithoutNumber     int       `json:"without_number"` // contacts
	Numbers           int       `json:"numbers"`        // fields that hold something
	Good              int       `json:"good"`
	Bad               int       `json:"bad"`
	Complete          bool      `json:"complete"` // all contacts were read
	Began             time.Time `json:"began"`
	Milliseconds      int64     `json:"milliseconds"`
	Faults            []Fault   `json:"faults"` // the most frequent first
}

// Fault is a reason that a number cannot be matched.
type Fault struct {
	Reason  string        `json:"reason"` // a word of a closed set
	Meaning string        `json:"meaning"`
	Do      string        `json:"do"`
	Count   int           `json:"count"`   // fields
	Records []FaultRecord `json:"records"` // some of them
	More    int           `json:"more"`    // beyond those
}

// FaultRecord leads to a contact whose number has to be mended.
type FaultRecord struct {
	ID    string `json:"id"`
	Field string `json:"field"`
	Link  string `json:"link"` // of the record in Smokeball's web app
}

// numbers lets one look at a time through: each takes requests that the phones
// may need.
type numbers struct {
	of   Numbers
	busy atomic.Bool
}

// look gives the turn back before anybody is told of the end, who may ask again.
func (n *numbers) look(ctx context.Context, agent screenpop.AgentID, progress func(NumbersProgress) error) (NumbersReport, error) {
	defer n.busy.Store(false)
	return n.of.Numbers(ctx, agent, progress)
}

// adminNumbers answers with the report, or with progress=1 with a line of JSON
// for each page that was read and one for the report, or the problem, at the end.
// It goes on for as long as whoever asked waits.
func (s *Server) adminNumbers(w http.ResponseWriter, r *http.Request) (err error) {
	agent, err := s.reader(r)
	if err != nil {
		return err
	}
	if !s.numbers.busy.CompareAndSwap(false, true) {
		return refuse(http.StatusConflict, "Another look through the numbers is under way: wait for its end, or end it.")
	}
	rc := http.NewResponseController(w)
	// The server's deadlines are for requests that end soon.
	_ = rc.SetReadDeadline(time.Time{})
	_ = rc.SetWriteDeadline(time.Time{})

	lines := r.URL.Query().Get("progress") == "1"
	begun := false
	enc := json.NewEncoder(w)
	tell := func(key string, v any) error {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "application/x-ndjson")
		}
		if enc.Encode(map[string]any{key: v}) != nil || rc.Flush() != nil {
			return errGone
		}
		return nil
	}
	report, err := s.numbers.look(r.Context(), agent, func(p NumbersProgress) error {
		if !lines {
			return r.Context().Err()
		}
		return tell("progress", p)
	})
	gone := errors.Is(err, errGone) || r.Context().Err() != nil
	if err != nil && !gone {
		err = doctorError("look through the numbers", err)
	}
	s.record(r, commanding(r), audit.Doctor{Check: "numbers", Agent: agent}, err)
	switch {
	case gone:
		return nil // nobody is there to be told
	case err != nil && begun:
		return ignoreGone(tell("problem", problemSentence(err)))
	case err != nil:
		return err
	case lines:
		return ignoreGone(tell("report", report))
	}
	return writeJSON(w, report)
}

func ignoreGone(err error) error {
	if errors.Is(err, errGone) {
		return nil
	}
	return err
}

// problemSentence is what who asked is told of an error.
func problemSentence(err error) string {
	var he *HTTPError
	if errors.As(err, &he) {
		return he.Msg
	}
	return "Something went wrong on our side."
}

// reader is the agent with whose authorisation contacts are read: the one that is
// named, else the first of the tenant, or of all, who is paired.
func (s *Server) reader(r *http.Request) (screenpop.AgentID, error) {
	tenant, extension := named(r)
	if tenant != "" && extension != "" {
		return s.known(r, screenpop.AgentID{Tenant: tenant, Extension: extension})
	}
	seen := reachIn(r.Context())
	var there, paired []screenpop.AgentID
	for _, a := range s.directory.Agents() {
		if seen.sees(a.Tenant) && (tenant == "" || a.Tenant == tenant) && (extension == "" || a.Extension == extension) {
			there = append(there, a.AgentID)
			if s.pairings.Pairing(a.AgentID).State == screenpop.Paired {
				paired = append(paired, a.AgentID)
			}
		}
	}
	switch {
	case len(there) == 0:
		return screenpop.AgentID{}, noAgent(tenant, extension)
	case tenant == "" && several(there):
		return screenpop.AgentID{}, refuse(http.StatusBadRequest, "several tenants are configured: name one")
	case len(paired) == 0:
		return screenpop.AgentID{}, refuse(http.StatusConflict, "Nobody who is meant is paired with Smokeball: contacts are read with an agent's own authorisation, so an agent has to pair first.")
	}
	return first(paired), nil
}

func several(agents []screenpop.AgentID) bool {
	for _, a := range agents {
		if a.Tenant != agents[0].Tenant {
			return true
		}
	}
	return false
}

// first is the agent of the lowest extension, so that it is the same one each
// time.
func first(agents []screenpop.AgentID) screenpop.AgentID {
	lowest := agents[0]
	for _, a := range agents[1:] {
		if len(a.Extension) < len(lowest.Extension) || len(a.Extension) == len(lowest.Extension) && a.Extension < lowest.Extension {
			lowest = a
		}
	}
	return lowest
}
