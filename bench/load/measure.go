package main

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// load is what a window sends.
type load struct {
	rate    int // events a second
	calls   int
	caller  func(n int) int   // which contact call n comes from
	agents  func(n int) []int // whose phones it lets ring
	screens int               // how many, for each call
	// each rings every phone by a webhook of its own, not all by one.
	each bool
	// uncounted are calls to screens that show nothing, because nobody reads.
	uncounted func(n int) bool
	// scheduled counts from the moment an event was due, so that a generator
	// that falls behind with the server counts against it. Otherwise from the
	// moment it was handed to a connection that may still be busy: what timers
	// are late is the generator's. A webhook that is refused counts as a pop that
	// never came; otherwise it is an error.
	scheduled bool
	grace     time.Duration // for pops after the last event; 0: ten seconds
}

// sample is what a window found.
type sample struct {
	latencies   []time.Duration
	cpu         time.Duration // of the server, for an event
	allocations float64       // likewise
	missing     int           // calls whose pops did not come
}

// line is a server with its screens and the PBX's connections to it.
type line struct {
	server
	*fleet
	*trunk
	next *int // the number of the next call, on any line: daemons remember over restarts
}

// openLine opens n screens and some connections for webhooks.
func (b *bench) openLine(s server, screens, connections int) (*line, error) {
	f, err := connect(s, screens)
	if err != nil {
		return nil, err
	}
	t, err := dialTrunk(s, connections)
	if err != nil {
		f.close()
		return nil, err
	}
	return &line{server: s, fleet: f, trunk: t, next: &b.calls}, nil
}

func (l *line) hangUp() {
	l.trunk.close()
	l.fleet.close()
}

// measure sends a window's calls and waits for their pops. Then, outside of what
// is measured, it ends the calls and waits for that too.
func (l *line) measure(load load) (sample, error) {
	w := newWindow(*l.next, load.calls, load.screens)
	*l.next += load.calls
	requests := make([][]request, load.calls)
	for n := range requests {
		requests[n] = l.ring(w, n, load)
	}
	l.fleet.window.Store(w)
	var out sample
	allocated, _, err := l.memory()
	if err != nil {
		return out, err
	}
	used, err := l.process().cpu()
	if err != nil {
		return out, err
	}
	began := now()
	interval := float64(time.Second) / float64(load.rate)
	for n := 0; n < load.calls; {
		due := began + int64(float64(n)*interval)
		at := now()
		if due > at {
			time.Sleep(time.Duration(due - at))
			continue
		}
		if load.scheduled {
			at = due
		}
		w.calls[n].due.Store(at)
		for _, r := range requests[n] {
			l.post(r)
		}
		n++
	}
	grace := load.grace
	if grace == 0 {
		grace = 10 * time.Second
	}
	_ = w.wait(grace)                  // what is missing is counted
	usedThen, err := l.process().cpu() // first: asking for the allocations costs some
	if err != nil {
		return out, err
	}
	allocatedThen, _, err := l.memory()
	if err != nil {
		return out, err
	}
	out.latencies, out.missing = w.latencies(load.uncounted)
	out.cpu = (usedThen - used) / time.Duration(load.calls)
	out.allocations = float64(allocatedThen-allocated) / float64(load.calls)
	if err := l.problem(); err != nil || out.missing > 0 && !load.scheduled {
		return out, fmt.Errorf("%s: %d of %d calls have no pop: %w", l.name(), out.missing, load.calls, errors.Join(err, errMissing))
	}
	return out, l.end(w, load)
}

// ring makes the webhooks of a window's call n.
func (l *line) ring(w *window, n int, load load) []request {
	agents := load.agents(n)
	var sent func(int)
	if load.scheduled {
		sent = func(status int) {
			if status/100 != 2 {
				w.fail(n)
			}
		}
	}
	if load.uncounted != nil && load.uncounted(n) {
		w.fail(n)
		sent = func(int) {} // it may wait for ever, and be refused
	}
	if !load.each {
		return []request{{ringing(l.server, w.first+n, load.caller(n), agents...), sent}}
	}
	var all []request
	for _, a := range agents {
		all = append(all, request{ringing(l.server, w.first+n, load.caller(n), a), sent})
	}
	return all
}

// remembered is how many calls of a tenant smokepop keeps track of.
const remembered = 20_000

// end ends a window's calls.
func (l *line) end(w *window, load load) error {
	if !l.server.ends() {
		return eventually("what was sent is answered", func() bool { return l.waiting.Load() == 0 })
	}
	pops := 0
	for i := range w.calls {
		if left := w.calls[i].left.Load(); left >= 0 {
			pops += load.screens - int(left)
		}
	}
	// Of more calls than it remembers smokepop forgets the oldest, and so their
	// ends.
	pops = min(pops, remembered)
	before := l.fleet.ends.Load()
	var answered atomic.Int64
	for n := range w.calls {
		l.post(request{bytes: ended(l.server, w.first+n, load.agents(n)[0]), sent: func(int) { answered.Add(1) }})
	}
	err := eventually("the calls end", func() bool {
		return answered.Load() == int64(len(w.calls)) && l.fleet.ends.Load()-before >= int64(pops)
	})
	if err != nil {
		err = fmt.Errorf("%w: of %d calls %d ends are answered, and %d of %d pops ended", err, len(w.calls), answered.Load(), l.fleet.ends.Load()-before, pops)
	}
	return err
}

// eventually waits for a condition of another process.
func eventually(what string, holds func() bool) error {
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("in vain: %s", what)
		}
	}
	return nil
}
