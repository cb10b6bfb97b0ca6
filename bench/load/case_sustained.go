package main

import (
	"errors"
	"time"
)

// sustained finds the most events a second at which 99 of 100 pops come within
// 50 ms of the moment they were due.
func sustained(b *bench) (rows []row, err error) {
	screens := b.size(1000, 100)
	p, err := b.open(screens, 64)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	var most [2][]float64
	for i := range b.few(4) {
		for turn := range 2 {
			who := (i + turn) % 2
			rate, err := b.mostEvents([]*line{p.ours, p.theirs}[who], screens)
			if err != nil {
				return nil, err
			}
			most[who] = append(most[who], rate)
		}
	}
	return []row{compare("sustained, 1,000 screens", "most events/s with p99 below 50 ms", "", most[0], most[1], atLeast(.7))}, nil
}

// mostEvents goes up until it is too much, and then in between.
func (b *bench) mostEvents(l *line, screens int) (float64, error) {
	bears := func(rate float64) (bool, error) {
		s, err := l.measure(load{
			rate: int(rate), calls: b.size(int(rate), 100), caller: b.knownCaller, agents: one(screens), screens: 1,
			scheduled: true, grace: time.Second,
		})
		return err == nil && s.missing == 0 && quantile(s.latencies, .99) < 50*time.Millisecond, err
	}
	low, high := 0.0, 0.0
	for rate := 4000.0; high == 0 || high/low > 1.06; {
		ok, err := bears(rate)
		if err != nil {
			return 0, err
		}
		if ok {
			low = rate
		} else {
			high = rate
		}
		switch {
		case b.quick, rate < 200:
			return rate, nil
		case high == 0:
			rate = low * 1.4
		case low == 0:
			rate = high / 1.4
		default:
			rate = (low + high) / 2
		}
	}
	return low, nil
}
