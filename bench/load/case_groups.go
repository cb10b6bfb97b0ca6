package main

import (
	"errors"
	"fmt"
)

// ringGroups lets groups of phones ring with somebody smokepop has to ask for:
// the time until the last phone's pop is there, with one search.
func ringGroups(b *bench) (rows []row, err error) {
	screens := b.size(200, 20)
	p, err := b.open(screens, connections)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	const name = "ring group, one search at a CRM without latency"
	var searches []float64
	asked := b.known() // callers beyond are new
	for _, size := range []int{1, 8, 20, 200} {
		if size == 200 {
			defer b.profile()() // the last
		}
		size = min(size, screens)
		for _, each := range []bool{false, true} {
			group := make([]int, size)
			for i := range group {
				group[i] = i
			}
			calls := b.size(12, 3)
			l := load{
				rate: 15, calls: calls, screens: size, each: each,
				caller: func(n int) int { return asked + n }, agents: func(int) []int { return group },
			}
			var ours, theirs figures
			for range b.few(3) {
				s, err := p.ours.measure(l)
				if err != nil {
					return nil, err
				}
				ours.add(s)
				if s, err = p.theirs.measure(l); err != nil {
					return nil, err
				}
				theirs.add(s)
				asked += calls
				n, err := p.crm.searches()
				if err == nil {
					err = p.crm.forget()
				}
				if err != nil {
					return nil, err
				}
				searches = append(searches, float64(n)/float64(calls))
			}
			how, t := "one webhook", (*target)(nil)
			if each {
				how = "a webhook for each phone"
			}
			if size == 200 {
				t = ownAtMost(10)
			}
			rows = append(rows, compare(name, fmt.Sprintf("first webhook to last frame, %d phones, %s, p50", size, how), "ms", ours.p50, theirs.p50, t))
		}
	}
	return append(rows, single(name, "searches for a call, however many phones", "", searches, atMost(1))), nil
}
