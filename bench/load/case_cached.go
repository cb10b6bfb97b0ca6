package main

import "errors"

// cachedPop is the case that counts most: a webhook becomes a frame, the contact
// being in memory, at 1,000 events a second and 1,000 screens. Every event is a
// call that begins.
func cachedPop(b *bench) (rows []row, err error) {
	screens := b.size(1000, 100)
	p, err := b.open(screens, connections)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	ours, theirs, err := p.inTurns(b.repetitions, load{
		rate: 1000, calls: b.size(2000, 200), caller: b.knownCaller, agents: one(screens), screens: 1,
	})
	if err != nil {
		return nil, err
	}
	const name = "cached pop, 1,000 events/s, 1,000 screens"
	return []row{
		compare(name, "p50", "ms", ours.p50, theirs.p50, atMost(1.15)),
		compare(name, "p99", "ms", ours.p99, theirs.p99, atMost(1.5)),
		compare(name, "CPU per event", "µs", ours.cpu, theirs.cpu, atMost(1.3)),
		compare(name, "allocations per event", "", ours.allocations, theirs.allocations, nil),
	}, nil
}
