package main

import (
	"errors"
	"fmt"
)

// linearEvents shows that an event costs the same at 1, 2, 4 and 8 times as many.
func linearEvents(b *bench) (rows []row, err error) {
	screens := b.size(1000, 100)
	p, err := b.open(screens, connections)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	var cpu [][]float64
	for _, times := range []int{1, 2, 4, 8} {
		rate := 500 * times
		ours, theirs, err := p.inTurns(b.few(4), load{
			rate: rate, calls: b.size(rate, 100), caller: b.knownCaller, agents: one(screens), screens: 1,
		})
		if err != nil {
			return nil, err
		}
		cpu = append(cpu, ours.cpu)
		rows = append(rows, compare("events, 1,000 screens", fmt.Sprintf("CPU per event at %d/s", rate), "µs", ours.cpu, theirs.cpu, nil))
	}
	return append(rows, compareOwn("events, 1,000 screens", "CPU per event, 8 times as many events", "µs", cpu[3], cpu[0], atMost(1.1))), nil
}

// linearScreens shows that an event costs the same at 1, 2, 4 and 8 times as many
// screens.
func linearScreens(b *bench) (rows []row, err error) {
	const name = "screens, 1,000 events/s"
	var cpu [][]float64
	for _, screens := range []int{1250, 2500, 5000, 10_000} {
		screens = b.size(screens, screens/50)
		var ours, theirs figures
		for range b.few(3) {
			for who, f := range []*figures{&ours, &theirs} {
				s, err := b.atScreens(who, screens)
				if err != nil {
					return nil, err
				}
				f.add(s)
			}
		}
		cpu = append(cpu, ours.cpu)
		of := fmt.Sprintf("%d screens", screens)
		rows = append(rows, compare(name, "CPU per event, "+of, "µs", ours.cpu, theirs.cpu, nil))
		if screens == 10_000 {
			rows = append(rows, compare(name, "pop p50, "+of, "ms", ours.p50, theirs.p50, nil), compare(name, "pop p99, "+of, "ms", ours.p99, theirs.p99, nil))
		}
	}
	return append(rows, compareOwn(name, "CPU per event, 8 times as many screens", "µs", cpu[3], cpu[0], atMost(1.1))), nil
}

// atScreens starts one of the servers, 0 for smokepop, and measures it. Both at
// once would have more sockets than a process may open in many places.
func (b *bench) atScreens(who, screens int) (out sample, err error) {
	s, err := b.either(who)
	if err != nil {
		return out, err
	}
	l, err := b.openLine(s, screens, connections)
	if err != nil {
		return out, errors.Join(err, s.stop())
	}
	defer func() { err = errors.Join(err, l.whole(), b.dismiss(l)) }()
	if _, err := l.measure(b.warm(screens)); err != nil {
		return out, err
	}
	if who == 0 {
		b.frame = int(l.size.Load())
	}
	return l.measure(load{rate: 1000, calls: b.size(1500, 100), caller: b.knownCaller, agents: one(screens), screens: 1})
}

func (b *bench) either(who int, env ...string) (server, error) {
	if who == 0 {
		return b.smokepop(env...)
	}
	return b.baseline(env...)
}

func (b *bench) dismiss(l *line) error {
	l.hangUp()
	return l.server.stop()
}
