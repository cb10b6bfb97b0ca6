package daemon

import (
	"context"
	"sync"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

const (
	// followEvery is how often what has moved is written at most. What came in that
	// time before a node goes without a word is what the next owner does not know.
	followEvery = 50 * time.Millisecond
	// followGather is how long the first that moves waits for what belongs to it: an
	// event moves a call, then the agent's leg, then the screens.
	followGather = 5 * time.Millisecond
	// followTime is how long the flow may take to tell.
	followTime = 2 * time.Second
	// followAgain is how long after a failure it is tried again.
	followAgain = 500 * time.Millisecond
	// followQuiet is how long nothing is written until it is said that what is there
	// is still so; far less than carryFor.
	followQuiet = 15 * time.Second
	// followLook is how often it is looked for tenants that were taken out of the
	// configuration: nobody tells of their calls any more.
	followLook = time.Minute
)

// movement is told of each line of the trace: then a call may have moved.
type movement struct {
	wake chan struct{} // holds one token

	mu     sync.Mutex
	pushed map[screenpop.LegID]bool // whose pops may be on the screens, or may not be any more
}

func newMovement() *movement {
	return &movement{wake: make(chan struct{}, 1), pushed: map[screenpop.LegID]bool{}}
}

func (m *movement) note(e screenpop.TraceEntry) {
	if e.Step == screenpop.StepPush {
		m.mu.Lock()
		m.pushed[screenpop.LegID{Agent: screenpop.AgentID{Tenant: e.Tenant, Extension: e.Extension}, Call: e.Call}] = true
		m.mu.Unlock()
	}
	m.stir()
}

// stir has it looked for what has moved.
func (m *movement) stir() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *movement) take() map[screenpop.LegID]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	pushed := m.pushed
	m.pushed = map[screenpop.LegID]bool{}
	return pushed
}

// follower writes the calls under way of a part into its ring. Only ends wait for it.
type follower struct {
	*parts
	*ring
	legs   map[screenpop.LegID]legAt // as they are in the ring
	looked time.Time                 // when it was looked for tenants that are not served any more
}

type legAt struct {
	screenpop.CarriedLeg
	at time.Time
}

// follow keeps the ring as the calls are, until ctx ends.
func (p *parts) follow(ctx context.Context) error {
	f := &follower{parts: p, ring: p.ring, legs: map[screenpop.LegID]legAt{}}
	log := p.ground.log.With("component", "cluster")
	quiet := time.NewTimer(followQuiet)
	defer quiet.Stop()
	defer p.kept.end()
	defer context.AfterFunc(ctx, p.kept.end)()
	// At once: what the owner before has left is this ring's then.
	for again, failing := time.After(0), false; ; {
		still, wrote, wake := false, f.seq, p.moved.wake
		if failing {
			wake = nil // a store that is away is not asked at every event
		}
		select {
		case <-wake:
			pause(ctx, followGather)
		case <-again:
		case <-quiet.C:
			still = true
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return nil
		}
		waiting := p.kept.take() // before it is looked what has moved
		err := f.write(ctx, still)
		p.kept.wrote(waiting, err)
		if ctx.Err() != nil {
			return nil
		}
		if failed := err != nil; failed != failing {
			if failing = failed; failing {
				log.Warn("the calls under way cannot be sealed for other nodes: if this one goes now, its calls pop when they are answered", "err", err)
			} else {
				log.Info("the calls under way are sealed for other nodes again")
			}
		}
		again = nil
		if failing {
			again = time.After(followAgain)
		}
		if still || f.seq != wrote {
			quiet.Reset(followQuiet)
		}
		select {
		case <-time.After(followEvery):
		case <-p.kept.urgent:
		case <-ctx.Done():
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// write writes what has moved. still: nothing was written for long.
func (f *follower) write(ctx context.Context, still bool) error {
	if err := f.gather(ctx); err != nil {
		return err
	}
	if err := f.flush(ctx); err != nil || !still {
		return err
	}
	if f.empty() {
		return f.clear(ctx)
	}
	return f.turn(ctx)
}

// gather takes what has moved into the ring, to be written.
func (f *follower) gather(ctx context.Context) error {
	pushed := f.moved.take() // before the legs: what moves now is looked at the next time
	now := f.now().Wall
	for _, c := range f.receiver.Changes() {
		if c.Gone {
			f.gone(c.Key, now)
		} else if err := f.put(c.Key, thing{Piece: &c.Piece}, now, c.Until); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, followTime)
	defer cancel()
	changes, all, err := f.flow.Changes(ctx)
	if err != nil {
		return err
	}
	left := map[screenpop.LegID]bool{}
	for id := range f.legs {
		left[id] = all
	}
	for _, c := range changes {
		delete(left, c.ID)
		delete(pushed, c.ID)
		if c.Gone {
			f.end(c.ID, now)
		} else if err := f.leg(c.ID, legAt{c.Leg, now}); err != nil {
			return err
		}
	}
	for id, gone := range left {
		if gone {
			f.end(id, now)
		}
	}
	for id := range pushed {
		l, there := f.legs[id]
		if there && l.PopID != "" && l.Shown != f.hub.Live(l.Agent, l.PopID) {
			if err := f.leg(id, l); err != nil {
				return err
			}
		}
	}
	if now.Sub(f.looked) > followLook {
		f.looked = now
		f.keep(f.receiver.Tenants(), now)
	}
	return nil
}

func (f *follower) leg(id screenpop.LegID, l legAt) error {
	l.Shown = l.PopID != "" && f.hub.Live(l.Agent, l.PopID)
	f.legs[id] = l
	return f.put(legName(id), thing{Leg: &l.CarriedLeg}, l.at, time.Time{})
}

func (f *follower) end(id screenpop.LegID, now time.Time) {
	delete(f.legs, id)
	f.gone(legName(id), now)
}

func legName(id screenpop.LegID) string {
	return "leg/" + string(id.Agent.Tenant) + "/" + string(id.Agent.Extension) + "/" + string(id.Call)
}
