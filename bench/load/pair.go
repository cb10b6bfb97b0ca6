package main

import (
	"errors"
	"time"
)

// pair is the two servers, each with the same screens open.
type pair struct {
	ours   *line
	theirs *line
	crm    *crm
	// profile takes profiles of smokepop until the function it returns is called.
	profile func() func()
}

// The PBX's connections in most cases.
const connections = 16

// known is how many callers smokepop has in memory: a prime, so that an agent is
// seldom called by one twice. Every caller beyond is one that it has to ask for.
func (b *bench) known() int { return b.size(997, 97) }

func (b *bench) knownCaller(n int) int { return n % b.known() }

// warm lets smokepop find the known callers.
func (b *bench) warm(screens int) load {
	return load{rate: 2000, calls: b.known(), caller: b.knownCaller, agents: one(screens), screens: 1}
}

// one returns the agents of call n when each call rings one phone.
func one(screens int) func(n int) []int {
	return func(n int) []int { return []int{n % screens} }
}

// open starts both servers, opens n screens at each, and lets smokepop find the
// known callers.
func (b *bench) open(screens, connections int) (*pair, error) {
	s, err := b.smokepop()
	if err != nil {
		return nil, err
	}
	p := &pair{crm: b.office.crm, profile: b.profile}
	if p.ours, err = b.openLine(s, screens, connections); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	warm := b.warm(screens)
	if _, err := p.ours.measure(warm); err != nil {
		return nil, errors.Join(err, p.close())
	}
	b.frame = int(p.ours.size.Load())
	base, err := b.baseline()
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	if p.theirs, err = b.openLine(base, screens, connections); err != nil {
		return nil, errors.Join(err, base.stop(), p.close())
	}
	if _, err := p.theirs.measure(warm); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, p.crm.forget()
}

func (p *pair) close() error {
	var err error
	for _, l := range []*line{p.ours, p.theirs} {
		if l != nil {
			err = errors.Join(err, l.whole())
			l.hangUp()
			err = errors.Join(err, l.server.stop())
		}
	}
	return err
}

// figures are what repetitions of a window gave, a value for each.
type figures struct {
	p50, p99         []float64 // milliseconds
	cpu              []float64 // microseconds of the server for an event
	allocations      []float64 // for an event
	missing, slowest []float64
}

func (f *figures) add(s sample) {
	f.p50 = append(f.p50, milliseconds(quantile(s.latencies, .50)))
	f.p99 = append(f.p99, milliseconds(quantile(s.latencies, .99)))
	f.slowest = append(f.slowest, milliseconds(quantile(s.latencies, 1)))
	f.cpu = append(f.cpu, float64(s.cpu)/float64(time.Microsecond))
	f.allocations = append(f.allocations, s.allocations)
	f.missing = append(f.missing, float64(s.missing))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// inTurns measures both, one after the other, so often. Who goes first changes
// each time.
func (p *pair) inTurns(repetitions int, l load) (ours, theirs figures, err error) {
	defer p.profile()()
	for i := range repetitions {
		order := []*line{p.ours, p.theirs}
		if i%2 == 1 {
			order[0], order[1] = order[1], order[0]
		}
		for _, line := range order {
			s, err := line.measure(l)
			if err != nil {
				return ours, theirs, err
			}
			if line == p.ours {
				ours.add(s)
			} else {
				theirs.add(s)
			}
		}
	}
	return ours, theirs, nil
}
