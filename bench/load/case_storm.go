package main

import (
	"errors"
	"fmt"
	"time"
)

// storm cuts every screen and lets all come back at once: smokepop checks each
// session and replays the agent's live pop, the baseline shakes hands.
func storm(b *bench) (rows []row, err error) {
	screens := b.size(5000, 100)
	p, err := b.open(screens, connections)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	// A pop for each, which stays.
	w := newWindow(b.calls, screens, 1)
	b.calls += screens
	p.ours.fleet.window.Store(w)
	for n := range screens {
		p.ours.post(request{bytes: ringing(p.ours.server, w.first+n, b.knownCaller(n), n)})
	}
	if err := w.wait(patience); err != nil {
		return nil, err
	}
	replayed := &p.ours.server.(*smokepop).replayed
	replayed.Store(0)
	defer b.profile()()
	var took, used [2][]float64
	for i := range b.few(6) {
		for turn := range 2 {
			who := (i + turn) % 2
			l := []*line{p.ours, p.theirs}[who]
			l.fleet.close()
			before, err := l.process().cpu()
			if err != nil {
				return nil, err
			}
			began := time.Now()
			if l.fleet, err = connectAtOnce(l.server, screens, 256); err != nil {
				return nil, err
			}
			took[who] = append(took[who], milliseconds(time.Since(began)))
			after, err := l.process().cpu()
			if err != nil {
				return nil, err
			}
			used[who] = append(used[who], float64((after-before).Microseconds())/float64(screens))
			if missing := int64(screens) - replayed.Swap(0); who == 0 && missing != 0 {
				return nil, fmt.Errorf("%d screens came back without their pop", missing)
			}
		}
	}
	name := fmt.Sprintf("storm of %d reconnects, sessions checked, live pops replayed", screens)
	return []row{
		compare(name, "until the last is back", "ms", took[0], took[1], atMost(1.4)),
		compare(name, "CPU of the server for a reconnect", "µs", used[0], used[1], nil),
	}, nil
}
