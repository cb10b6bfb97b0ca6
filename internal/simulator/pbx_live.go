package simulator

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxLiveCalls bounds the calls a PBX remembers, those that are over included.
const maxLiveCalls = 2000

// liveCalls is what goes on at the PBX, as its websockets tell of it.
type liveCalls struct {
	mu      sync.Mutex
	calls   []*liveCall // the oldest first
	sockets map[*socket]struct{}
	closed  bool
	heard   []string // actions that sockets asked for
	open    sync.WaitGroup
}

func newLiveCalls() *liveCalls { return &liveCalls{sockets: map[*socket]struct{}{}} }

// liveCall is a call of the PBX with its legs.
type liveCall struct {
	id             string
	step           Step // of its beginning
	start, answer  time.Time
	legs           []*liveLeg
	announced, end bool // on the tenant
}

type liveLeg struct {
	key, extension string
	state          EventKind
}

// happen takes a step in. Nothing happens twice, and nothing moves back.
func (l *liveCalls) happen(s Step, o PBXOptions) {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := cmp.Or(s.Primary, s.CallID)
	i := slices.IndexFunc(l.calls, func(c *liveCall) bool { return c.id == id })
	if i < 0 {
		if len(l.calls) >= maxLiveCalls {
			l.calls = slices.Delete(l.calls, 0, 1)
		}
		l.calls = append(l.calls, &liveCall{id: id, step: s, start: o.Now()})
		i = len(l.calls) - 1
	}
	if l.calls[i].move(s, o.Now()) {
		l.broadcast(o)
	}
}

// move returns whether anything has changed.
func (c *liveCall) move(s Step, now time.Time) bool {
	switch {
	case c.end:
		return false
	case s.Extension == "" && s.Event == CallEnd:
		c.end = true
		return true
	case s.Extension == "":
		was := c.announced
		c.announced = true
		return !was
	}
	key := s.CallID + " " + s.Extension
	i := slices.IndexFunc(c.legs, func(l *liveLeg) bool { return l.key == key })
	if i < 0 {
		c.legs = append(c.legs, &liveLeg{key: key, extension: s.Extension})
		i = len(c.legs) - 1
	}
	leg := c.legs[i]
	if rank(s.Event) <= rank(leg.state) {
		return false
	}
	leg.state = s.Event
	switch s.Event {
	case Connect:
		if c.answer.IsZero() {
			c.answer = now
		}
		for _, other := range c.legs { // whoever else rings is cancelled
			if other.state == NewCall {
				other.state = CallEnd
			}
		}
	case CallEnd:
		over := func(l *liveLeg) bool { return l.state == CallEnd }
		c.end = !c.announced && !slices.ContainsFunc(c.legs, func(l *liveLeg) bool { return !over(l) })
	}
	return true
}

func rank(e EventKind) int {
	switch e {
	case NewCall:
		return 1
	case Connect:
		return 2
	case CallEnd:
		return 3
	}
	return 0
}

// liveEntry is one call in a call-state list. Of its fields only state, connect,
// from-number and extension are known from a real PBX; the others are named as
// in its call history.
type liveEntry struct {
	ID         string   `json:"id"`
	State      string   `json:"state"`   // alerting or connected
	Connect    string   `json:"connect"` // Unix time, empty until answered
	Start      string   `json:"start"`
	From       string   `json:"from"`
	FromName   string   `json:"from-name"`
	FromNumber string   `json:"from-number"`
	To         string   `json:"to"`
	ToNumber   string   `json:"to-number"`
	Extension  []string `json:"extension"` // one that rings carries a star
	Queue      string   `json:"queue"`
	Inbound    *bool    `json:"inbound,omitempty"`
}

// list is the calls that are on. One whose legs are in two states, as while it
// is transferred, is there once for each.
func (l *liveCalls) list(o PBXOptions) []liveEntry {
	out := []liveEntry{}
	for _, c := range l.calls {
		if c.end {
			continue
		}
		var ringing, connected []string
		for _, leg := range c.legs {
			switch leg.state {
			case NewCall:
				ringing = append(ringing, "*"+leg.extension)
			case Connect:
				connected = append(connected, leg.extension)
			}
		}
		if len(connected) > 0 {
			out = append(out, c.entry(o, "connected", connected))
		}
		if len(ringing) > 0 {
			out = append(out, c.entry(o, "alerting", ringing))
		}
		if len(ringing)+len(connected) == 0 {
			out = append(out, c.entry(o, "alerting", []string{}))
		}
	}
	return out
}

func (c *liveCall) entry(o PBXOptions, state string, extensions []string) liveEntry {
	e := liveEntry{
		ID: o.LiveIDs(c.id), State: state, Start: unix(c.start), From: c.step.From, FromName: c.step.FromName,
		FromNumber: userPart(c.step.From), To: c.step.To, ToNumber: userPart(c.step.To), Extension: extensions, Queue: c.step.Queue,
	}
	if state == "connected" {
		e.Connect = unix(c.answer)
	}
	if c.step.Direction != "" {
		inbound := c.step.Direction == "inbound"
		e.Inbound = &inbound
	}
	return e
}

func unix(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64)
}

// userPart is the number in a party: what stands before the host of a URI.
func userPart(party string) string {
	if _, after, ok := strings.Cut(party, "<"); ok {
		party, _, _ = strings.Cut(after, ">")
	}
	if _, after, ok := strings.Cut(party, ":"); ok {
		party = after
	}
	party, _, _ = strings.Cut(party, "@")
	party, _, _ = strings.Cut(party, ";")
	return party
}
