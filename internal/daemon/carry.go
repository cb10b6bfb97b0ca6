package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/smokepop/smokepop/internal/pbxevents"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// carryFor is how long calls that are under way are carried from one daemon to
// the next. After that a telephone has stopped ringing.
const carryFor = time.Minute

// carried is what one daemon leaves for the next: calls under way, with numbers
// and without anything that was found for them.
type carried struct {
	Taken moment                 `json:"taken"`
	Calls pbxevents.Carried      `json:"calls"`
	Legs  []screenpop.CarriedLeg `json:"legs"`
}

// carry seals the calls under way into the store. Everything that moves calls
// has stopped.
func (p *parts) carry(ctx context.Context) error {
	c := carried{Taken: p.ground.world.moment(), Calls: p.receiver.Carry(), Legs: p.flow.Carried()}
	p.markShown(c.Legs)
	term := ""
	if p.ring != nil {
		term = p.ring.before
	}
	// What is in the ring is not so any more where everything is over.
	if len(c.Legs) == 0 && c.Calls.Empty() && (p.ring == nil || p.ring.unused()) {
		return nil
	}
	return sealCarried(ctx, p.store, p.carryAt, term, c)
}

func (p *parts) markShown(legs []screenpop.CarriedLeg) {
	for i, l := range legs {
		legs[i].Shown = l.PopID != "" && p.hub.Live(l.Agent, l.PopID)
	}
}

// resume goes on with the calls that the daemon before has left, if it was a
// moment ago. Nothing in it keeps a daemon from starting, but a part of a cluster is
// not taken over from a store that does not answer.
func (p *parts) resume(left func() (*carried, error), log *slog.Logger) error {
	c, err := left()
	if errors.Is(err, errNoRing) {
		return err
	}
	if err != nil && c != nil {
		log.Warn("some of the calls that were under way are not known: those that ring pop when they are answered", "err", err)
		err = nil
	}
	switch {
	case err != nil:
		log.Warn("the calls that were under way at the restart are not known: those that ring pop when they are answered", "err", err)
	case c == nil:
	default:
		now := p.ground.world.moment()
		age, ok := now.since(c.Taken)
		if !ok || age > carryFor {
			log.Info("the calls that were under way when smokepop stopped are over: it was more than a minute ago, or before the machine's own restart")
			return nil
		}
		at := now.Wall.Add(-age)
		p.receiver.Resume(c.Calls, at)
		// What nobody will hear the end of stays behind, such as the calls of an
		// agent whom the configuration does not have any more.
		c.Legs = slices.DeleteFunc(c.Legs, func(l screenpop.CarriedLeg) bool { return !p.receiver.UnderWay(l.Agent, l.Call.ID) })
		p.flow.Resume(c.Legs, at)
		log.Info("going on with the calls that were under way", "legs", len(c.Legs), "after", age.Round(time.Millisecond))
	}
	return nil
}

// errNoRing is that a part of a cluster cannot be taken over: the store does not say
// whose the calls are.
var errNoRing = errors.New("the store does not answer")

// left reads what was left for this daemon, or for the part. An error beside calls
// is that some are not known.
func (p *parts) left(ctx context.Context) (c *carried, err error) {
	if p.moved == nil {
		return takeCarried(ctx, p.store, p.carryAt)
	}
	var left error
	if p.ring, c, left, err = openRing(ctx, p.store, p.carryAt, p.ground.world.moment); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoRing, err)
	}
	return c, left
}

// moment is a point in time that two processes of one machine agree on, even if
// somebody sets the clock in between.
type moment struct {
	Boot string        `json:"boot"` // which run of the machine; empty: not known here
	Up   time.Duration `json:"up"`   // since it began, sleep included
	Wall time.Time     `json:"wall"`
}

// since returns the time from an earlier moment; false for one that is later, or
// of another run of the machine.
func (m moment) since(earlier moment) (time.Duration, bool) {
	d := m.Wall.Sub(earlier.Wall)
	switch m.Boot {
	case "":
	case bootOfMany:
		if d < 0 && d > -clockSkew {
			d = 0
		}
	default:
		d = m.Up - earlier.Up
	}
	return d, m.Boot == earlier.Boot && d >= 0
}

const (
	// bootOfMany stands for the machines of a cluster, which have only the time of
	// day in common, and that nearly.
	bootOfMany = "cluster"
	clockSkew  = 10 * time.Second
)

func momentOfMany() moment { return moment{Boot: bootOfMany, Wall: time.Now().Round(0)} }
