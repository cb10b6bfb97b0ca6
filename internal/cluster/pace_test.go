package cluster

import (
	"context"
	"slices"
	"testing"
	"time"
)

// What a dead member had goes to those that are not new, where there are some.
func TestHeir(t *testing.T) {
	r := &roster{Members: map[string]member{"1": {Node: "a"}, "2": {Node: "b"}, "3": {Node: "c", New: true}, "4": {Node: "d"}}}
	alive := func(id string) bool { return id != "4" }
	parts := map[string]int{}
	for part := range Partitions {
		heir, owner := r.heir(part, alive), r.owner(part, alive)
		if parts[owner]++; owner != "3" && heir != owner {
			t.Errorf("part %d goes to %s, and from there to %s", part, heir, owner)
		}
		if heir == "3" || heir == "4" || heir == "" {
			t.Errorf("part %d goes to %q", part, heir)
		}
	}
	if parts["3"] == 0 {
		t.Error("who is new has no part in the end")
	}
	for id, m := range r.Members {
		m.New = true
		r.Members[id] = m
	}
	for part := range Partitions {
		if heir, owner := r.heir(part, alive), r.owner(part, alive); heir != owner {
			t.Errorf("all are new, and part %d goes to %s and then to %s", part, heir, owner)
		}
	}
}

// Who has joined is given what others have after a while, one part after the other.
func TestPartsMoveSlowly(t *testing.T) {
	url := startNATS(t)
	o := newOwners(t)
	a := o.start(url, "a")
	until(t, func() bool { return o.all("a") })
	b := o.startAt(Pace{New: time.Hour}, url, "b")
	beats := func() uint64 {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.beats[b.id].count
	}
	for range 5 { // turns of a's in which it knows b
		before := beats()
		until(t, func() bool { return beats() != before })
	}
	o.start(url, "c")
	until(t, func() bool { // all is where it has to be, but for what is b's some day
		a.mu.Lock()
		defer a.mu.Unlock()
		for part := range Partitions {
			if to := a.roster.owner(part, a.alive); to != b.id && to != a.roster.Parts[part] {
				return false
			}
		}
		return len(a.roster.Members) == 3
	})
	n := o.count()
	if n["b"] != 0 || n["c"] == 0 {
		t.Errorf("after a while they have %v", n)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if a.most != 1 {
		t.Errorf("%d parts moved at a time", a.most)
	}
}

// Who leaves hands over a few at a time, also to who is new.
func TestAMemberLeavesInOrder(t *testing.T) {
	url := startNATS(t)
	o := newOwners(t)
	a := o.start(url, "a")
	until(t, func() bool { return o.all("a") })
	b := o.startAt(Pace{New: time.Hour}, url, "b")
	until(t, func() bool { return len(a.Members()) == 2 })
	a.stop()
	<-a.handed
	// Who has asked it still is told who has the part, as soon as somebody has.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for part := range Partitions {
		id, local, err := a.Owner(ctx, part)
		if id != b.id || local || err != nil {
			t.Fatalf("part %d is at %s, here %v: %v", part, id, local, err)
		}
	}
	until(t, func() bool { return o.all("b") }) // it is taking the last ones over
	a.leaves()
	until(t, func() bool { return len(b.Members()) == 1 })
	if a.most != leaveAtOnce {
		t.Errorf("%d parts were handed over at a time, want %d", a.most, leaveAtOnce)
	}
}

// Who is dead is not taken for alive because somebody else has not cleared it off the
// roster yet: nobody waits for it a second time, nor hands anything over to it.
func TestTheDeadStayDead(t *testing.T) {
	c := &Cluster{id: "me", beats: map[string]beat{}}
	r := &roster{Members: map[string]member{"me": {Node: "a"}, "other": {Node: "b"}}}
	now := time.Now()
	for _, step := range []struct {
		after time.Duration
		count uint64
		gone  bool
		alive bool
	}{
		{0, 7, false, true}, // nobody knows for how long it has been there
		{leaseTime, 7, false, true},
		{time.Millisecond, 7, true, false},
		{time.Millisecond, 7, false, false},
		{leaseTime, 7, false, false},
		{time.Millisecond, 8, false, true},
		{leaseTime, 8, false, true},
		{leaseTime, 9, false, true},
		{leaseTime + time.Millisecond, 9, true, false},
	} {
		now = now.Add(step.after)
		gone := c.hear(r, map[string]uint64{"other": step.count}, now)
		if (len(gone) == 1) != step.gone || c.alive("other") != step.alive {
			t.Fatalf("%v later, at beat %d: gone %v, alive %v", step.after, step.count, gone, c.alive("other"))
		}
	}
	delete(r.Members, "other")
	if gone := c.hear(r, nil, now); len(gone) > 0 || len(c.beats) > 0 || c.alive("other") {
		t.Errorf("it is off the roster, and gone %v, known %v", gone, c.beats)
	}
}

// When nobody had a lease for a while, who said so until the end is given time to be
// heard again: what it sent to the leader of before is lost. Who was silent is not.
func TestWhoWasThereIsGivenTime(t *testing.T) {
	r := &roster{Members: map[string]member{"me": {Node: "a"}, "there": {Node: "b"}, "silent": {Node: "c"}}}
	began := time.Now()
	counts := map[string]uint64{"there": 7, "silent": 7}
	c := &Cluster{id: "me", beats: map[string]beat{}, standing: standing{answers: map[string]answer{
		"there": {began.Add(-answerFor), false}, "silent": {began.Add(-answerFor - time.Millisecond), false},
	}}}
	c.hear(r, counts, began.Add(-time.Minute))
	c.lapsed = true
	c.hear(r, counts, began)
	c.lapsed = false
	for _, step := range []struct {
		after time.Duration
		alive []bool
	}{
		{leaseTime, []bool{true, true}},
		{leaseTime + time.Millisecond, []bool{true, false}},
		{leaseTime + lostBeats, []bool{true, false}},
		{leaseTime + lostBeats + time.Millisecond, []bool{false, false}},
	} {
		c.hear(r, counts, began.Add(step.after))
		if got := []bool{c.alive("there"), c.alive("silent")}; !slices.Equal(got, step.alive) {
			t.Errorf("%v later they are alive: %v, want %v", step.after, got, step.alive)
		}
	}
}
