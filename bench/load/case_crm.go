package main

import (
	"errors"
	"fmt"
	"time"
)

// slowCRM lets some calls come from people smokepop has to ask for, beside many
// it knows: what the CRM takes is added to the former and to nothing else.
func slowCRM(b *bench) (rows []row, err error) {
	const among = 10 // one call of so many has to be asked for
	screens := b.size(1000, 100)
	s, err := b.smokepop()
	if err != nil {
		return nil, err
	}
	ours, err := b.openLine(s, screens, connections)
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	defer func() { err = errors.Join(err, b.office.crm.latency(0), ours.whole(), b.dismiss(ours)) }()
	if _, err := ours.measure(b.warm(screens)); err != nil {
		return nil, err
	}
	defer b.profile()()
	asked := b.known() + 2000 // those of the ring groups are known by now
	slow := func(n int) bool { return n%among == 0 }
	for _, latency := range []time.Duration{0, 50 * time.Millisecond, 300 * time.Millisecond} {
		if err := b.office.crm.latency(latency); err != nil {
			return nil, err
		}
		var beyond, beside, alone figures
		for range b.few(4) {
			l := load{
				rate: 200, calls: b.size(300, 40), screens: 1,
				caller: func(n int) int {
					if slow(n) {
						return asked + n/among
					}
					return b.knownCaller(n)
				},
				agents: one(screens),
			}
			mixed, err := ours.measure(l)
			if err != nil {
				return nil, err
			}
			asked += l.calls/among + 1
			var waited, others sample
			for n, took := range mixed.latencies {
				if slow(n) {
					waited.latencies = append(waited.latencies, took-latency)
				} else {
					others.latencies = append(others.latencies, took)
				}
			}
			beyond.add(waited)
			beside.add(others)
			l.caller = b.knownCaller
			quiet, err := ours.measure(l)
			if err != nil {
				return nil, err
			}
			alone.add(quiet)
		}
		name := fmt.Sprintf("CRM at %d ms", latency.Milliseconds())
		rows = append(rows,
			single(name, "pop beyond the CRM's time, p50", "ms", beyond.p50, atMost(5)),
			single(name, "pop beyond the CRM's time, p99", "ms", beyond.p99, nil),
			compareOwn(name, "other agents' pops, beside that and without, p50", "ms", beside.p50, alone.p50, atMost(1.1)),
			compareOwn(name, "other agents' pops, beside that and without, p99", "ms", beside.p99, alone.p99, nil))
	}
	return rows, nil
}
