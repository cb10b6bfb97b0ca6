package main

import (
	"errors"
	"fmt"
	"time"
)

// memory is what a screen costs that nothing happens on. Both run with an eager
// collector: with the usual one, garbage of a start with thousands of agents, and
// of the handshakes, is larger than the screens, and room for them is there
// before they come.
func memory(b *bench) ([]row, error) {
	screens := b.size(10_000, 100)
	var resident, inUse [2][]float64
	for range b.few(2) {
		for who := range 2 {
			rss, used, err := b.perScreen(who, screens)
			if err != nil {
				return nil, err
			}
			resident[who], inUse[who] = append(resident[who], rss), append(inUse[who], used)
		}
	}
	name := fmt.Sprintf("%d idle screens", screens)
	return []row{
		compare(name, "resident memory of each", "KiB", resident[0], resident[1], ownAtMost(10)),
		compare(name, "resident memory of each, against the baseline", "KiB", resident[0], resident[1], atMost(.6)),
		compare(name, "heap and stacks in use by each", "KiB", inUse[0], inUse[1], nil),
	}, nil
}

// perScreen returns what each of so many screens adds, in KiB.
func (b *bench) perScreen(who, screens int) (resident, inUse float64, err error) {
	s, err := b.either(who, "GOGC=10")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	settled := func() (rss int64, used uint64, err error) {
		time.Sleep(time.Duration(b.size(4000, 100)) * time.Millisecond) // what is free is given back
		if _, used, err = s.memory(); err == nil {
			rss, err = s.process().resident()
		}
		return rss, used, err
	}
	// The first screens pay for what is there once: pools, code pages, threads.
	first, err := connect(s, min(100, screens))
	if err != nil {
		return 0, 0, err
	}
	first.close()
	rss, used, err := settled()
	if err != nil {
		return 0, 0, err
	}
	f, err := connect(s, screens)
	if err != nil {
		return 0, 0, err
	}
	defer f.close()
	rssThen, usedThen, err := settled()
	each := func(grown float64) float64 { return max(1, grown) / float64(screens) / 1024 }
	return each(float64(rssThen - rss)), each(float64(usedThen) - float64(used)), errors.Join(err, f.whole())
}
