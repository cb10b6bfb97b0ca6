package main

import (
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
	// scheduled counts from the moment an event was due, so that a generator
	// that falls behind with the server counts against it. Otherwise from the
	// moment it was handed to a connection that may still be busy: what timers
	// are late is the generator's.
	scheduled bool
	grace     time.Duration // for pops after the last event; 0: ten seconds
}

// sample is what a window found.
type sample struct {
	latencies   []time.Duration
	cpu         time.Duration // of the server, for an event
	allocations float64       // likewise
	missing     int           // calls whose pops did not come
	took        time.Duration
}

// line is a server with its screens and the PBX's connections to it.
type line struct {
	server
	*fleet
	*trunk
	next int // the number of the next call
}

// openLine opens n screens and some connections for webhooks.
func openLine(s server, screens, connections int) (*line, error) {
	f, err := connect(s, screens)
	if err != nil {
		return nil, err
	}
	t, err := dialTrunk(s, connections)
	if err != nil {
		f.close()
		return nil, err
	}
	return &line{server: s, fleet: f, trunk: t}, nil
}

func (l *line) hangUp() {
	l.trunk.close()
	l.fleet.close()
}

// measure sends a window's calls and waits for their pops. Then, outside of what
// is measured, it ends the calls and waits for that too.
func (l *line) measure(load load) (sample, error) {
	w := newWindow(l.next, load.calls, load.screens)
	l.next += load.calls
	requests := make([][]byte, load.calls)
	for n := range requests {
		requests[n] = ringing(l.server, w.first+n, load.caller(n), load.agents(n)...)
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
		l.requests <- request{bytes: requests[n]}
		n++
	}
	grace := load.grace
	if grace == 0 {
		grace = 10 * time.Second
	}
	if err := w.wait(grace); err != nil {
		out.missing = int(w.left.Load())
	}
	out.took = time.Duration(now() - began)
	usedThen, err := l.process().cpu() // first: asking for the allocations costs some
	if err != nil {
		return out, err
	}
	allocatedThen, _, err := l.memory()
	if err != nil {
		return out, err
	}
	out.latencies = w.latencies()
	out.cpu = (usedThen - used) / time.Duration(load.calls)
	out.allocations = float64(allocatedThen-allocated) / float64(load.calls)
	if err := l.problem(); err != nil {
		return out, fmt.Errorf("%s: %w", l.name(), err)
	}
	return out, l.end(w, load)
}

// end ends a window's calls.
func (l *line) end(w *window, load load) error {
	if !l.server.ends() {
		return nil
	}
	pops := 0
	for i := range w.calls {
		pops += load.screens - int(max(0, w.calls[i].left.Load()))
	}
	before := l.fleet.ends.Load()
	var answered atomic.Int64
	for n := range w.calls {
		l.requests <- request{bytes: ended(l.server, w.first+n), sent: func(int) { answered.Add(1) }}
	}
	return eventually("the calls end", func() bool {
		return answered.Load() == int64(len(w.calls)) && l.fleet.ends.Load()-before >= int64(pops)
	})
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
