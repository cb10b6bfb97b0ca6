package main

import (
	"errors"
	"fmt"
	"time"
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

// linearScreens shows what screens cost: memory while nothing happens, and that
// an event costs the same at 1, 2, 4 and 8 times as many.
func linearScreens(b *bench) (rows []row, err error) {
	const name = "screens, 1,000 events/s"
	var cpu [][]float64
	for _, screens := range []int{1250, 2500, 5000, 10_000} {
		screens = b.size(screens, screens/50)
		var ours, theirs figures
		var resident, inUse [2][]float64
		for range b.few(3) {
			for who := range 2 {
				if err := func() (err error) {
					l, grown, used, err := b.crowd(who, screens)
					if err != nil {
						return err
					}
					defer func() { err = errors.Join(err, l.whole(), b.dismiss(l)) }()
					resident[who], inUse[who] = append(resident[who], grown), append(inUse[who], used)
					warm := b.warm(screens)
					if _, err := l.measure(warm); err != nil {
						return err
					}
					s, err := l.measure(load{rate: 1000, calls: b.size(1500, 100), caller: b.knownCaller, agents: one(screens), screens: 1})
					if err != nil {
						return err
					}
					[]*figures{&ours, &theirs}[who].add(s)
					return nil
				}(); err != nil {
					return nil, err
				}
			}
		}
		cpu = append(cpu, ours.cpu)
		of := fmt.Sprintf("%d screens", screens)
		var least *target
		if screens == 10_000 {
			least = ownAtMost(10)
			rows = append(rows, compare(name, "pop p50, "+of, "ms", ours.p50, theirs.p50, nil), compare(name, "pop p99, "+of, "ms", ours.p99, theirs.p99, nil))
		}
		rows = append(rows,
			compare(name, "CPU per event, "+of, "µs", ours.cpu, theirs.cpu, nil),
			compare(name, "resident memory per idle screen, "+of, "KiB", resident[0], resident[1], least),
			compare(name, "heap and stacks in use per idle screen, "+of, "KiB", inUse[0], inUse[1], nil))
		if least != nil {
			rows = append(rows, compare(name, "resident memory per idle screen, against the baseline", "KiB", resident[0], resident[1], atMost(.6)))
		}
	}
	return append(rows, compareOwn(name, "CPU per event, 8 times as many screens", "µs", cpu[3], cpu[0], atMost(1.1))), nil
}

// crowd starts one of the servers, 0 for smokepop, and opens screens that
// nothing happens on. It returns what each costs of resident memory, and of heap
// and stacks in use, in KiB.
func (b *bench) crowd(who, screens int) (l *line, resident, inUse float64, err error) {
	var s server
	if who == 0 {
		s, err = b.smokepop()
	} else {
		s, err = b.baseline()
	}
	if err != nil {
		return nil, 0, 0, err
	}
	memory := func() (rss int64, used uint64, err error) {
		if _, used, err = s.memory(); err == nil {
			rss, err = s.process().resident()
		}
		return rss, used, err
	}
	// The first screens pay for what is there once: pools, code pages, threads.
	first, err := connect(s, min(100, screens))
	if err != nil {
		return nil, 0, 0, errors.Join(err, s.stop())
	}
	first.close()
	rss, used, err := memory()
	if err == nil {
		l, err = b.openLine(s, screens, connections)
	}
	if err != nil {
		return nil, 0, 0, errors.Join(err, s.stop())
	}
	time.Sleep(300 * time.Millisecond) // the last handshake's memory is given back
	rssThen, usedThen, err := memory()
	if err != nil {
		return nil, 0, 0, errors.Join(err, b.dismiss(l))
	}
	each := func(before, after float64) float64 { return max(0.01, after-before) / float64(screens) / 1024 }
	return l, each(float64(rss), float64(rssThen)), each(float64(used), float64(usedThen)), nil
}

func (b *bench) dismiss(l *line) error {
	l.hangUp()
	return l.server.stop()
}
