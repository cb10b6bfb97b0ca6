package cluster

import (
	"context"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// judgeEvery is how often it is looked at whether this member is cut off.
	judgeEvery = 100 * time.Millisecond
	// doubtTime is how old a lease is as a rule at most: a beat, and its way to the
	// leader and back.
	doubtTime = beatEvery + 50*time.Millisecond
	// standingWait is how long the others have to tell how they stand, and for how long
	// one of them has a lease while this member has none before that means anything:
	// leases end, and begin anew, a beat apart. answerFor is how long what they have told
	// holds.
	standingWait = 400 * time.Millisecond
	answerFor    = time.Second
)

// standing is what this member finds out about itself while it has no lease:
// either it is cut off from members that go on, or NATS has no leader for anybody,
// as in the seconds after the leader's death. Then nobody takes over what this one
// has, and nobody has to go elsewhere.
type standing struct {
	cutOff  bool
	nobody  bool      // all the others have said that they have no lease either
	since   time.Time // when it began to ask
	behind  time.Time // since when others have a lease, as far as they have told
	without bool      // nobody had one meanwhile
	answers map[string]answer
}

type answer struct {
	at    time.Time
	whole bool // it has its lease
}

// CutOff tells whether the other members, or some of them, go on without this one:
// it has no lease, and NATS does not answer at all, or does not lead to them. It is
// false where no member has a lease.
func (c *Cluster) CutOff() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.standing.cutOff
}

// NobodyLeads tells whether this member has no lease, and all the others have said
// that they have none either, within the last second: nobody takes anything over.
func (c *Cluster) NobodyLeads() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.standing.nobody && !time.Now().Before(c.until)
}

// Doubts tells whether this member should have had its lease renewed by now, and does
// not know yet how it stands: it may be cut off.
func (c *Cluster) Doubts() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	renewed := c.until.Add(leaseMargin - leaseTime)
	return !c.until.IsZero() && time.Since(renewed) > doubtTime && !c.standing.cutOff && !c.standing.nobody
}

// Standing is CutOff with a channel that is closed when that may have changed, or what
// [Cluster.Doubts] and [Cluster.NobodyLeads] tell.
func (c *Cluster) Standing() (cutOff bool, changed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.standing.cutOff, c.changed
}

// hearStandings answers the others and takes their answers. The subjects are all the
// cluster's own: a member may need no more rights.
func (c *Cluster) hearStandings() error {
	asked, err := c.cfg.Conn.Subscribe(c.cfg.Name+".standing", func(m *nats.Msg) {
		if m.Reply == "" || m.Reply == c.standingSubject() {
			return
		}
		word := " lapsed"
		if c.Connected() {
			word = " whole"
		}
		_ = c.cfg.Conn.Publish(m.Reply, []byte(c.id+word))
	})
	if err != nil {
		return err
	}
	answered, err := c.cfg.Conn.Subscribe(c.standingSubject(), func(m *nats.Msg) {
		id, word, _ := strings.Cut(string(m.Data), " ")
		c.mu.Lock()
		defer c.mu.Unlock()
		c.standing.answers[id] = answer{time.Now(), word == "whole"}
	})
	c.standings = []*nats.Subscription{asked, answered}
	return err
}

func (c *Cluster) standingSubject() string { return c.cfg.Name + ".standing." + c.id }

// judge looks all the time how this member stands, until ctx ends.
func (c *Cluster) judge(ctx context.Context) {
	tick := time.NewTicker(judgeEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		if c.stands(time.Now()) {
			_ = c.cfg.Conn.PublishRequest(c.cfg.Name+".standing", c.standingSubject(), nil)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// stands brings up to date how this member stands, and returns whether the others
// have to be asked.
func (c *Cluster) stands(now time.Time) (ask bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.standing
	cutOff, nobody := s.cutOff, s.nobody
	s.nobody = false
	switch {
	case c.until.IsZero() || now.Before(c.until):
		s.cutOff, s.since, s.without = false, time.Time{}, false
	case c.deaf:
		s.cutOff = true
	case s.since.IsZero():
		s.since, s.behind, ask = now, time.Time{}, true
		clear(s.answers)
	default:
		ask = true
		silent, whole := false, false
		for id := range c.roster.Members {
			if id == c.id {
				continue
			}
			a, heard := s.answers[id]
			silent = silent || !heard || now.Sub(a.at) > answerFor
			whole = whole || heard && a.whole
		}
		if !whole {
			s.behind = time.Time{}
		} else if s.behind.IsZero() {
			s.behind = now
		}
		s.nobody = !whole && !silent
		s.without = s.without || s.nobody
		behindMost := standingWait
		if s.without { // a beat that came before the new leader is waited for in vain
			behindMost += askTime
		}
		if now.Sub(s.since) >= standingWait {
			s.cutOff = silent || whole && now.Sub(s.behind) >= behindMost
		}
	}
	if s.cutOff != cutOff || s.nobody != nobody {
		c.tell()
	}
	return ask
}
