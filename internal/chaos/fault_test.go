package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"
)

// blow is a kind of fault and how it is done. do returns once the machine is
// whole again; with no machine it has recorded itself what it did to which.
type blow struct {
	word   string // SMOKEPOP_CHAOS_FAULTS names it so
	kind   string
	weight int
	do     func(m *mischief) (machine string, err error)
}

// mischief does faults, one after the other, drawn from a seed.
type mischief struct {
	w     *world
	blows []blow
	draws *rand.Rand
	log   func(format string, args ...any)
	badly []error // of programs that were to end and did not end well
}

func (m *mischief) between(least, most time.Duration) time.Duration {
	return least + time.Duration(m.draws.Int64N(int64(most-least)))
}

var blows = []blow{
	{"kill", FaultKill, 5, func(m *mischief) (string, error) {
		n := pick(m.draws, m.w.nodes)
		return n.name, m.again(n.program, syscall.SIGKILL, m.between(0, 4*time.Second))
	}},
	{"restart", FaultRestart, 4, func(m *mischief) (string, error) {
		n := pick(m.draws, m.w.nodes)
		return n.name, m.again(n.program, syscall.SIGTERM, m.between(0, 2*time.Second))
	}},
	{"freeze", FaultFreeze, 4, func(m *mischief) (string, error) {
		n := pick(m.draws, m.w.nodes)
		if err := n.Signal(syscall.SIGSTOP); err != nil {
			return n.name, err
		}
		m.sleep(m.between(300*time.Millisecond, m.w.longest()))
		return n.name, n.Signal(syscall.SIGCONT)
	}},
	{"cut", FaultCut, 4, func(m *mischief) (string, error) {
		n := pick(m.draws, m.w.nodes)
		m.cut(n.wires, true, true)
		return n.name, nil
	}},
	{"half-open", FaultHalfOpen, 3, func(m *mischief) (string, error) {
		n := pick(m.draws, m.w.nodes)
		there := m.draws.IntN(2) == 0
		m.cut(n.wires, there, !there)
		return n.name, nil
	}},
	{"nats", FaultNATS, 3, func(m *mischief) (string, error) {
		s := pick(m.draws, m.w.servers)
		return s.Name, m.again(s.program, syscall.SIGKILL, m.between(500*time.Millisecond, 4*time.Second))
	}},
	{"nats-cut", FaultNATSCut, 2, func(m *mischief) (string, error) {
		s := pick(m.draws, m.w.servers)
		m.cut(s.wires, true, true)
		return s.Name, nil
	}},
	{"rolling", FaultRolling, 1, func(m *mischief) (string, error) {
		for _, n := range m.w.nodes {
			began := m.w.since()
			if err := m.again(n.program, syscall.SIGTERM, 0); err != nil {
				return n.name, err
			}
			m.did(FaultRolling, n.name, began)
			m.calm(5 * time.Second)
		}
		return "", nil
	}},
}

// again ends a program and starts it after a while. That it did not end well is
// kept for the end of the run.
func (m *mischief) again(p *program, sig syscall.Signal, after time.Duration) error {
	if err := p.end(sig); err != nil {
		m.badly = append(m.badly, err)
	}
	m.sleep(after)
	return p.start()
}

// cut cuts wires for a while. Then what has waited arrives, or the connections
// are gone.
func (m *mischief) cut(wires []*wire, there, back bool) {
	for _, w := range wires {
		w.cut(there, back)
	}
	m.sleep(m.between(time.Second, m.w.longest()))
	reset := m.draws.IntN(2) == 0
	for _, w := range wires {
		if reset {
			w.reset()
		}
		w.cut(false, false)
	}
}

func (m *mischief) sleep(d time.Duration) { time.Sleep(d) }

// longest is how long a fault may last: longer than any lease.
func (w *world) longest() time.Duration {
	return min(15*time.Second, max(3*time.Second, w.size.lasts/10))
}

// calm waits until all is as it has to be, but no longer than that.
func (m *mischief) calm(most time.Duration) {
	for end := time.Now().Add(most); time.Now().Before(end) && !m.w.settled(); {
		time.Sleep(100 * time.Millisecond)
	}
}

// blowsNamed returns the kinds of faults with these words between commas; all for
// none.
func blowsNamed(words string) (some []blow, err error) {
	if words == "" {
		return blows, nil
	}
	for word := range strings.SplitSeq(words, ",") {
		i := slices.IndexFunc(blows, func(b blow) bool { return b.word == word })
		if i < 0 {
			return nil, fmt.Errorf("there is no fault %q", word)
		}
		some = append(some, blows[i])
	}
	return some, nil
}

// did records a fault that has come to its end.
func (m *mischief) did(kind, machine string, began time.Duration) {
	f := Fault{Kind: kind, Node: machine, Began: began, Ended: m.w.since()}
	m.w.h.Record(f)
	m.log("%8.3fs to %8.3fs  %s: %s", f.Began.Seconds(), f.Ended.Seconds(), f.Kind, f.Node)
}

// run does faults until ctx ends. A fault that is under way is brought to its
// end.
func (m *mischief) run(ctx context.Context) error {
	bag := []blow{}
	for ctx.Err() == nil {
		if len(bag) == 0 { // by weight, and each kind in turn comes
			for _, b := range m.blows {
				for range b.weight {
					bag = append(bag, b)
				}
			}
			m.draws.Shuffle(len(bag), func(i, j int) { bag[i], bag[j] = bag[j], bag[i] })
		}
		b := bag[0]
		bag = bag[1:]
		began := m.w.since()
		machine, err := b.do(m)
		if err != nil {
			return fmt.Errorf("%s %s: %w", b.kind, machine, err)
		}
		if machine != "" {
			m.did(b.kind, machine, began)
		}
		// Where there is time for it, pages have settled as a rule when the next
		// fault comes, and their waits begin at the shortest.
		rest := m.between(500*time.Millisecond, m.w.longest()+3*time.Second)
		m.calm(10 * time.Second)
		select {
		case <-time.After(rest):
		case <-ctx.Done():
		}
	}
	return nil
}
