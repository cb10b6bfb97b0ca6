package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// beatEvery is how often a member shows that it is alive.
	beatEvery = 300 * time.Millisecond
	// leaseTime is how long the others believe it after its last sign. A member
	// itself stops believing it earlier, by leaseMargin, counted from before the
	// sign was sent: at no time do two members own one part.
	leaseTime   = 1500 * time.Millisecond
	leaseMargin = 300 * time.Millisecond
	// askTime bounds one exchange with the servers.
	askTime = time.Second
	// lostBeats is for how long a member that was there while nobody had a lease may not
	// be heard when this one has one again: what it sent to the leader of before is lost.
	lostBeats = 2 * askTime
	// leaveTime is how long a member tries to say that it leaves.
	leaveTime = 3 * time.Second
	// leaveAtOnce is how many parts are handed over at a time by who leaves: who is
	// connected through a part connects anew, and should not have to wait behind all
	// the others.
	leaveAtOnce = 4
)

// Run takes part until ctx ends, then hands every part over, which may take as long
// as stop, and has handed called. It goes on to know who owns what, so that requests
// that are here still find their way, until over ends, and leaves. Servers that do not
// answer then are no failure: the others see by themselves that this member is gone.
func (c *Cluster) Run(ctx, over context.Context, stop time.Duration, handed func()) error {
	work := context.WithoutCancel(ctx)
	felt, still := context.WithCancel(work)
	defer still()
	c.pulsing.Go(func() { c.pulse(felt) })
	c.pulsing.Go(func() { c.judge(felt) })
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		c.turn(work)
		select {
		case <-tick.C:
		case <-c.poked:
		case <-ctx.Done():
		}
	}
	end := time.Now().Add(stop)
	c.mu.Lock()
	c.leaving = true
	c.mu.Unlock()
	for time.Now().Before(end) && c.holds() && c.Connected() {
		c.turn(work)
		select {
		case <-tick.C:
		case <-c.poked:
		}
	}
	c.work.Wait()
	c.abandon()
	c.pulsing.Go(handed)
	for over.Err() == nil {
		c.turn(work)
		select {
		case <-tick.C:
		case <-c.poked:
		case <-over.Done():
		}
	}
	c.leave(work)
	still()
	c.pulsing.Wait()
	return nil
}

// abandon gives up what could not be handed over.
func (c *Cluster) abandon() {
	c.mu.Lock()
	left := slices.Collect(maps.Keys(c.held))
	clear(c.held)
	c.mu.Unlock()
	var lost sync.WaitGroup
	for _, part := range left {
		lost.Go(func() { c.cfg.Parts.Lost(part) })
	}
	lost.Wait()
}

func (c *Cluster) holds() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.held)+len(c.busy)+len(c.let) > 0
}

// turn shows that this member is alive, looks at the others and does what
// follows.
func (c *Cluster) turn(ctx context.Context) {
	if err := c.beat(ctx); err != nil {
		// The lease runs out by itself. Servers that have lost what they had get
		// it anew.
		if errors.Is(err, jetstream.ErrNoStreamResponse) {
			_ = c.openBucket(ctx) // else the next turn tries again
		}
		return
	}
	if err := c.look(ctx); err != nil {
		c.cfg.Log.Debug("cannot look at the members", "err", err)
		return
	}
	c.act(ctx)
}

// beat renews the lease.
func (c *Cluster) beat(ctx context.Context) error {
	began := time.Now()
	asked, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	_, err := c.kv.Put(asked, "beat."+c.id, nil)
	if err == nil {
		c.anew()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().After(c.until) {
		if !c.lapsed && !c.until.IsZero() {
			c.cfg.Log.Warn("NATS does not answer: this node goes on with what it has and saves nothing", "err", err)
		}
		c.lapsed = true // somebody may have taken what is ours
	}
	if err == nil { // nobody has to wait for the next look at how this member stands
		c.until = began.Add(leaseTime - leaseMargin)
		c.setDeaf(false)
		if c.standing.cutOff {
			c.standing.cutOff = false
			c.tell()
		}
	}
	return err
}

// look reads the roster and the others' beats.
func (c *Cluster) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	r, revision, err := c.read(ctx)
	if err != nil {
		return err
	}
	counts := map[string]uint64{}
	for id := range r.Members {
		if id == c.id {
			continue
		}
		e, err := c.kv.Get(ctx, "beat."+id)
		switch {
		case err == nil:
			counts[id] = e.Revision()
		case !errors.Is(err, jetstream.ErrKeyNotFound):
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range c.hear(r, counts, time.Now()) {
		go c.streams.lose(id)
	}
	c.roster, c.revision = r, revision
	c.tell()
	return nil
}

// hear takes in how often each member of the roster has beaten, and returns those who
// are gone from now on. Who is dead stays so until it beats again, however long it is
// on the roster still. Under mu.
func (c *Cluster) hear(r *roster, counts map[string]uint64, now time.Time) (gone []string) {
	for id, count := range counts {
		if b, known := c.beats[id]; !known || b.count != count {
			c.beats[id] = beat{count: count, seen: now}
		}
	}
	for id, b := range c.beats {
		_, there := r.Members[id]
		switch {
		case there && b.dead:
			continue
		case there && c.lapsed: // its own silence is no sign that the others were silent
			b.seen = now
			if a, told := c.standing.answers[id]; told && now.Sub(a.at) <= answerFor {
				b.seen = now.Add(lostBeats) // it was there a moment ago
			}
		case there && now.Sub(b.seen) <= leaseTime:
			continue
		case there:
			b.dead = true
			gone = append(gone, id)
		default:
			delete(c.beats, id)
			if !b.dead {
				gone = append(gone, id)
			}
			continue
		}
		c.beats[id] = b
	}
	return gone
}

// tell wakes who waits for a change. Under mu.
func (c *Cluster) tell() {
	close(c.changed)
	c.changed = make(chan struct{})
}

const rosterKey = "roster"

func (c *Cluster) read(ctx context.Context) (*roster, uint64, error) {
	e, err := c.kv.Get(ctx, rosterKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return &roster{Members: map[string]member{}, Parts: map[int]string{}}, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	r, err := decodeRoster(e.Value())
	if err != nil {
		return nil, 0, err
	}
	return r, e.Revision(), nil
}

// act follows the roster: parts that another owns are lost, ours are taken, what
// has to move is released, and the roster is changed where that is ours to do.
func (c *Cluster) act(ctx context.Context) {
	c.mu.Lock()
	r := c.roster.clone()
	me, in := r.Members[c.id]
	now := time.Now()
	if !in {
		c.joined = now
	}
	self := member{Node: c.cfg.Node, Build: c.cfg.Build, Leaving: c.leaving, New: now.Sub(c.joined) < c.cfg.Pace.New}
	joined := in && me == self
	r.Members[c.id] = self
	claimed := false
	for part := range c.held {
		owner, owned := r.Parts[part]
		switch {
		case owner == c.id || c.busy[part] || c.let[part]:
		case owned:
			delete(c.held, part)
			c.work.Go(func() { c.cfg.Parts.Lost(part) })
		default: // NATS has forgotten it
			r.Parts[part], claimed = c.id, true
		}
	}
	c.lapsed = false
	for part, id := range r.Parts {
		if id != c.id || c.busy[part] || c.let[part] {
			continue
		}
		switch {
		case c.held[part] && c.moves(r, part, now):
			c.begin(part, c.release)
		case c.held[part]:
		case c.leaving:
			c.let[part] = true // it never began
		default:
			c.begin(part, c.take)
		}
	}
	let := maps.Clone(c.let)
	next := r.step(c.id, c.alive, func(part int) bool { return let[part] }, c.cfg.Wanted)
	if next == nil && (!joined || claimed) {
		next = r
	}
	revision := c.revision
	c.tell()
	c.mu.Unlock()
	if next == nil {
		return
	}
	if err := c.write(ctx, next, revision); err != nil {
		return // somebody was faster: the next turn sees it
	}
	c.mu.Lock()
	for part := range let {
		delete(c.let, part)
	}
	c.mu.Unlock()
	for id := range r.Members {
		if _, stays := next.Members[id]; !stays {
			_ = c.kv.Purge(ctx, "beat."+id)
		}
	}
	_ = c.cfg.Conn.Publish(c.cfg.Name+".poke", nil) // the others look at it sooner
	c.wake()
}

// moves tells whether a part of this member's has to be handed over now. Under mu.
func (c *Cluster) moves(r *roster, part int, now time.Time) bool {
	if c.leaving {
		return len(c.busy) < leaveAtOnce
	}
	to := r.owner(part, c.alive)
	return to != c.id && to != "" && !r.Members[to].New && len(c.busy) == 0 && now.Sub(c.moved) >= c.cfg.Pace.Move
}

func (c *Cluster) write(ctx context.Context, r *roster, revision uint64) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if revision == 0 {
		_, err = c.kv.Create(ctx, rosterKey, b)
	} else {
		_, err = c.kv.Update(ctx, rosterKey, b, revision)
	}
	return err
}

// begin has a part taken or released on the side. Under mu.
func (c *Cluster) begin(part int, do func(context.Context, int)) {
	c.busy[part] = true
	c.work.Go(func() {
		do(context.Background(), part)
		c.wake()
	})
}

func (c *Cluster) take(ctx context.Context, part int) {
	err := c.cfg.Parts.Take(ctx, part)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, part)
	if err != nil {
		c.cfg.Log.Error("a part of the cluster cannot be taken over; trying again", "part", part, "err", err)
		c.let[part] = true
		return
	}
	c.held[part] = true
	c.tell()
}

func (c *Cluster) release(ctx context.Context, part int) {
	c.cfg.Parts.Release(ctx, part)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, part)
	delete(c.held, part)
	c.let[part], c.moved = true, time.Now()
}

// leave takes this member off the roster.
func (c *Cluster) leave(ctx context.Context) {
	_ = c.pokes.Unsubscribe()
	_ = c.anews.Unsubscribe()
	for _, s := range c.standings {
		_ = s.Unsubscribe()
	}
	defer c.streams.lose("")
	ctx, cancel := context.WithTimeout(ctx, leaveTime)
	defer cancel()
	for c.Connected() && ctx.Err() == nil {
		r, revision, err := c.read(ctx)
		if err != nil {
			c.cfg.Log.Warn("NATS does not hear that this node leaves: the others notice it in a moment", "err", err)
			return
		}
		delete(r.Members, c.id)
		for part, id := range r.Parts {
			if id == c.id {
				delete(r.Parts, part)
			}
		}
		if c.write(ctx, r, revision) == nil {
			_ = c.kv.Purge(ctx, "beat."+c.id)
			_ = c.cfg.Conn.Publish(c.cfg.Name+".poke", nil)
			return
		}
	}
}
