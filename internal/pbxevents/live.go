package pbxevents

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/smokepop/smokepop/internal/numbering"
	"github.com/smokepop/smokepop/internal/screenpop"
)

const (
	maxLiveCalls  = 5000 // of one list; what is beyond is not looked at
	maxLiveOnCall = 256  // extensions of one call
	liveRetry     = time.Second
)

// liveList is a tenant's list of live calls as it was last taken in. Calls in it
// are those this source told of: only they end by leaving it.
type liveList struct {
	mu    sync.Mutex
	calls map[screenpop.CallID]*liveCall
	again []LiveCall                // the list to take in again, because the flow was full; nil: none
	moved map[screenpop.CallID]bool // as in moves
}

// liveCall is what a list said of a call.
type liveCall struct {
	id, primary screenpop.CallID
	at          map[screenpop.Extension]screenpop.State
	none        screenpop.State // of an entry that names no extension; empty: there is none
}

// Live takes in a tenant's live calls as the PBX's own list has them now, all of
// them: nil says that there is none. What is in the list for the first time
// begins, what has left it ends, and so does what left it while nobody listened.
// Calls that only webhooks told of are left alone. When the flow is full, Run
// takes the same list in again after a second, unless a newer one came. It may
// be called from several goroutines; it returns ErrNoTenant for a tenant that is
// not configured.
func (r *Receiver) Live(domain screenpop.Tenant, calls []LiveCall) error {
	t := r.tenant(screenpop.ParseTenant(string(domain)))
	if t == nil {
		return ErrNoTenant
	}
	t.live.mu.Lock()
	defer t.live.mu.Unlock()
	r.takeList(t, calls)
	return nil
}

// retryLive takes in the lists that the flow had no room for.
func (r *Receiver) retryLive() {
	for _, t := range r.all() {
		t.live.mu.Lock()
		if t.live.again != nil {
			r.takeList(t, t.live.again)
		}
		t.live.mu.Unlock()
	}
}

func (r *Receiver) takeList(t *tenant, list []LiveCall) {
	l := t.live
	now := r.now()
	l.again = nil
	full := false
	send := func(m message) bool {
		m.source = byLiveList
		ok := r.takeLive(t, &m, now)
		full = full || !ok
		return ok
	}
	next := make(map[screenpop.CallID]*liveCall, min(len(list), maxLiveCalls))
	alike := map[string]int{}
	// What begins goes before what ends: a call that goes on under another id is
	// seen as one.
	for i := range list[:min(len(list), maxLiveCalls)] {
		m, ok := messageOf(&list[i], alike)
		if !ok {
			continue
		}
		was, now := l.calls[m.call], next[m.call]
		if now == nil {
			now = &liveCall{id: m.call, primary: m.primary, at: map[screenpop.Extension]screenpop.State{}}
			next[m.call] = now
		}
		if len(m.extensions) == 0 {
			if was != nil && was.none == m.state || send(m) {
				now.none = m.state
			} else if was != nil {
				now.none = was.none
			}
			continue
		}
		var changed []screenpop.Extension
		for _, e := range m.extensions[:min(len(m.extensions), maxLiveOnCall)] {
			if was == nil || was.at[e] != m.state {
				changed = append(changed, e)
			} else {
				now.at[e] = m.state
			}
		}
		if len(changed) == 0 {
			continue
		}
		m.extensions = changed
		ok = send(m)
		for _, e := range changed {
			switch {
			case ok:
				now.at[e] = m.state
			case was != nil && was.at[e] != "":
				now.at[e] = was.at[e] // as the tracker still has it
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(l.calls)) { // the same order each time: what ends last may keep a card
		was := l.calls[id]
		m := message{call: was.id, primary: was.primary, state: screenpop.Terminated}
		now, there := next[id]
		if !there {
			if !send(m) {
				next[id] = was
			}
			continue
		}
		for _, e := range slices.Sorted(maps.Keys(was.at)) {
			if now.at[e] != "" {
				continue
			}
			if m.extensions = []screenpop.Extension{e}; !send(m) {
				now.at[e] = was.at[e]
			}
		}
	}
	l.move(next)
	t.tracker.refresh(next, now)
	if full {
		l.again = slices.Clone(list)
		if l.again == nil {
			l.again = []LiveCall{}
		}
		select {
		case r.retry <- struct{}{}:
		default:
		}
	}
}

// takeLive takes in one event of a list; it returns false when the flow is
// full.
func (r *Receiver) takeLive(t *tenant, m *message, at time.Time) bool {
	v := t.take(m, at)
	r.metrics.live[v.result].Inc()
	if v.result != malformed {
		r.metrics.joined.Add(float64(len(v.joined)))
		r.record(t, m, v, spent{received: at, decided: r.now()})
	}
	return v.result != full
}

// messageOf reads an entry of a list; ok is false for one that is no live call.
// alike counts the entries without an id by what they are known by.
func messageOf(c *LiveCall, alike map[string]int) (m message, ok bool) {
	for _, s := range [...]string{c.ID, c.PrimaryID, c.From, c.To, c.Queue} {
		if !sane(s) {
			return m, false
		}
	}
	if c.Ended || len(c.ID) > maxCallID || len(c.PrimaryID) > maxCallID {
		return m, false
	}
	m = message{
		call: screenpop.CallID(c.ID), primary: screenpop.CallID(c.PrimaryID), state: screenpop.Ringing,
		from: partyOf(&value{text: strings.TrimSpace(c.From), given: true}), to: partyOf(&value{text: strings.TrimSpace(c.To), given: true}),
		extensions: extensionsOf(slices.DeleteFunc(slices.Clone(c.Extensions), func(e string) bool { return !sane(e) })),
		direction:  directionOf(c.Direction), queue: c.Queue,
	}
	if c.Connected {
		m.state = screenpop.Connected
	}
	if m.call == "" {
		m.call = nameless(c, &m, alike)
	}
	return m, true
}

// nameless makes up the id of a call that the PBX gives none: its parties (its
// extension, where there are none) and its place among those that are alike, in
// the order of the list. It holds through the states of the call.
func nameless(c *LiveCall, m *message, alike map[string]int) screenpop.CallID {
	from, _ := numbering.UserPart(c.From)
	to, _ := numbering.UserPart(c.To)
	known := from + ">" + to
	if from+to == "" && len(m.extensions) > 0 {
		known += "@" + string(m.extensions[0])
	}
	alike[known]++
	sum := sha256.Sum256([]byte(known)) // ids are logged, numbers are not
	return screenpop.CallID("list-" + hex.EncodeToString(sum[:12]) + "-" + strconv.Itoa(alike[known]))
}

// refresh notes that calls are still in the list, so that they are not swept.
func (t *tracker) refresh(calls map[screenpop.CallID]*liveCall, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, c := range calls {
		known := t.find(&message{call: id, primary: c.primary})
		if known == nil {
			continue
		}
		for _, l := range known.legs {
			if c.at[l.agent.Extension] != "" || c.none != "" {
				l.news = now
			}
		}
		if now.Sub(known.told) > retell {
			t.moved.call(known)
		}
	}
}
