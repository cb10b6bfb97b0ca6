package lookup

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// maxRefused is how many agents' refusals a search takes before it believes
// that the next agent's sign-in would be refused too: a wrong API key must not
// eat the budget once for every phone that rings.
const maxRefused = 3

// answer is what a search ended with.
type answer struct {
	match  screenpop.Match
	detail string
	err    error
	stages []screenpop.Stage // what it went through, those of one flight in common

	// For the trace. What was searched for is of one flight in common, the token the
	// agent's own.
	plan      []string
	searches  []screenpop.TraceSearch
	token     screenpop.TokenState
	throttled bool // Smokeball has told us to wait
}

// searcher searches with one agent's token.
type searcher func(ctx context.Context, agent screenpop.AgentID, token screenpop.Secret) answer

// flights has one search under way for each key, whoever asks.
type flights struct {
	mu sync.Mutex
	of map[key]*flight
}

// flight is a search under way and those who wait for it. It asks with the
// token of one of them. When that is refused, only that agent hears so, and
// the next one's token is tried. When nobody waits any more it is cancelled.
type flight struct {
	key     key
	waiting []*passenger
	cancel  context.CancelFunc
	landed  chan struct{} // closed when the search's goroutine has nothing left to do
}

// passenger is one agent's wait.
type passenger struct {
	agent  screenpop.AgentID
	token  screenpop.Secret
	answer chan answer // takes one
}

// do searches for k, or waits for the search for k that is under way, which
// joined tells. Its time is counted from the flight's start. It returns soon
// after ctx ends, with ErrTooLate; the last to leave sees the search ended.
func (f *flights) do(ctx context.Context, k key, budget time.Duration, p *passenger, search searcher) (a answer, joined bool) {
	f.mu.Lock()
	fl := f.of[k]
	if joined = fl != nil; joined {
		fl.waiting = append(fl.waiting, p)
	} else {
		// The flight outlives the call that began it as long as others wait.
		flying, cancel := context.WithTimeout(context.WithoutCancel(ctx), budget)
		fl = &flight{key: k, waiting: []*passenger{p}, cancel: cancel, landed: make(chan struct{})}
		f.of[k] = fl
		go f.fly(flying, fl, search)
	}
	f.mu.Unlock()

	select {
	case a = <-p.answer:
	case <-ctx.Done():
		f.leave(fl, p)
		a = answer{detail: "the call ended during the search", err: screenpop.ErrTooLate}
	}
	return a, joined
}

func (f *flights) leave(fl *flight, p *passenger) {
	f.mu.Lock()
	fl.waiting = slices.DeleteFunc(fl.waiting, func(q *passenger) bool { return q == p })
	empty := len(fl.waiting) == 0
	if empty {
		f.land(fl)
		fl.cancel()
	}
	f.mu.Unlock()
	if empty {
		<-fl.landed
	}
}

// land takes fl off the map, if it is still there.
func (f *flights) land(fl *flight) {
	if f.of[fl.key] == fl {
		delete(f.of, fl.key)
	}
}

func (f *flights) fly(ctx context.Context, fl *flight, search searcher) {
	defer close(fl.landed)
	defer fl.cancel()
	for refused := 0; ; {
		f.mu.Lock()
		if len(fl.waiting) == 0 {
			f.land(fl)
			f.mu.Unlock()
			return
		}
		leader := fl.waiting[0]
		f.mu.Unlock()

		a := search(ctx, leader.agent, leader.token)

		own := errors.Is(a.err, screenpop.ErrNotPaired) || errors.Is(a.err, screenpop.ErrRefused)
		if errors.Is(a.err, screenpop.ErrRefused) {
			refused++
		}
		f.mu.Lock()
		if !own || refused >= maxRefused {
			f.tell(fl, a, func(*passenger) bool { return true })
			f.land(fl)
			f.mu.Unlock()
			return
		}
		f.tell(fl, a, func(p *passenger) bool { return p.agent == leader.agent })
		f.mu.Unlock()
	}
}

// tell answers those who are meant and lets them go.
func (f *flights) tell(fl *flight, a answer, meant func(*passenger) bool) {
	fl.waiting = slices.DeleteFunc(fl.waiting, func(p *passenger) bool {
		if !meant(p) {
			return false
		}
		a := a
		a.match = own(a.match)
		p.answer <- a
		return true
	})
}
