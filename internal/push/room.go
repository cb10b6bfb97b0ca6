package push

import (
	"slices"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// room is what the screens of one agent share. Its shard's lock guards it.
type room struct {
	agent   screenpop.AgentID
	screens []*screen
	live    []livePop  // oldest first
	recent  []endedPop // in the order they ended
	seq     uint64     // of the last message sent
}

type livePop struct {
	id     string
	call   screenpop.CallID
	number string // masked, for the trace
	// outcome is how the call's look-up ended: only a match and an unknown
	// caller have a pop.
	outcome screenpop.Outcome
	numbers []string // that can be called back
	body    []byte   // encoded
}

type endedPop struct {
	id      string
	ended   time.Time
	numbers []string
	body    []byte // encoded
}

func (r *room) empty() bool { return len(r.screens) == 0 && len(r.live) == 0 && len(r.recent) == 0 }

func (r *room) find(popID string) int {
	return slices.IndexFunc(r.live, func(p livePop) bool { return p.id == popID })
}

func (r *room) next() uint64 {
	r.seq++
	return r.seq
}

// takeLive takes the live pop at index i away.
func (r *room) takeLive(i int) livePop {
	p := r.live[i]
	r.live = slices.Delete(r.live, i, i+1)
	return p
}

// remember adds a call that ended to the recent ones, of which there are at
// most limit.
func (r *room) remember(p endedPop, limit int) {
	if n := len(r.recent) - limit + 1; n > 0 {
		r.recent = slices.Delete(r.recent, 0, n)
	}
	r.recent = append(r.recent, p)
}

// forgetBefore drops the recent pops that ended before t.
func (r *room) forgetBefore(t time.Time) {
	r.recent = slices.DeleteFunc(r.recent, func(p endedPop) bool { return p.ended.Before(t) })
}
