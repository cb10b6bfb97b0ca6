package cluster

import (
	"testing"
	"time"
)

// Leases end a beat apart when JetStream's leader dies, and begin again up to a beat
// that was lost apart when there is another: who is the first to have none, or the last,
// is not cut off. Who stays without one is.
func TestWhoHasNoLeaseForAMomentIsNotCutOff(t *testing.T) {
	const ms = time.Millisecond
	type at struct {
		after  time.Duration
		other  string // what the other says then: "" is nothing
		leased bool   // this one is
		cutOff bool
		nobody bool
	}
	for name, steps := range map[string][]at{
		"the leader dies": {
			{0, "", false, false, false},
			{100 * ms, "whole", false, false, false}, // its lease ends later
			{300 * ms, "whole", false, false, false},
			{400 * ms, "lapsed", false, false, true},
			{8000 * ms, "lapsed", false, false, true},
			{8100 * ms, "whole", false, false, false}, // it is the first to hear the next
			{9000 * ms, "whole", false, false, false},
			{9100 * ms, "whole", true, false, false},
		},
		"the others go on": {
			{0, "", false, false, false},
			{100 * ms, "whole", false, false, false},
			{400 * ms, "whole", false, false, false},
			{500 * ms, "whole", false, true, false},
			{600 * ms, "whole", true, false, false},
		},
		"the others go on with the next leader": {
			{0, "", false, false, false},
			{400 * ms, "lapsed", false, false, true},
			{1000 * ms, "whole", false, false, false},
			{2300 * ms, "whole", false, false, false},
			{2400 * ms, "whole", false, true, false},
		},
		"the others are silent": {
			{0, "", false, false, false},
			{300 * ms, "", false, false, false},
			{400 * ms, "", false, true, false},
			{500 * ms, "lapsed", false, false, true},
			{1500 * ms, "", false, false, true},
			{1600 * ms, "", false, true, false},
		},
	} {
		began := time.Now()
		c := &Cluster{
			id: "a", roster: &roster{Members: map[string]member{"a": {}, "b": {}}}, changed: make(chan struct{}),
			standing: standing{answers: map[string]answer{}}, until: began.Add(-time.Hour),
		}
		for _, step := range steps {
			now := began.Add(step.after)
			if step.leased {
				c.until = now.Add(time.Second)
			}
			if step.other != "" {
				c.standing.answers["b"] = answer{now, step.other == "whole"}
			}
			c.stands(now)
			if s := c.standing; s.cutOff != step.cutOff || s.nobody != step.nobody {
				t.Errorf("%s: after %v, cut off %t, nobody leads %t; want %t, %t", name, step.after, s.cutOff, s.nobody, step.cutOff, step.nobody)
			}
		}
	}
}

// A lease that was not renewed as it is as a rule is in doubt, until it is known how the
// member stands.
func TestDoubts(t *testing.T) {
	const whole = leaseTime - leaseMargin
	for name, tc := range map[string]struct {
		renewed        time.Duration // ago
		cutOff, nobody bool
		want           bool
	}{
		"renewed":                   {0, false, false, false},
		"a beat ago":                {beatEvery, false, false, false},
		"longer ago":                {doubtTime + time.Millisecond, false, false, true},
		"the lease has ended":       {whole + time.Millisecond, false, false, true},
		"it is known to be cut off": {whole + time.Second, true, false, false},
		"nobody leads":              {whole + time.Second, false, true, false},
	} {
		c := &Cluster{until: time.Now().Add(whole - tc.renewed), standing: standing{cutOff: tc.cutOff, nobody: tc.nobody}}
		if got := c.Doubts(); got != tc.want {
			t.Errorf("%s: %t, want %t", name, got, tc.want)
		}
	}
	if new(Cluster).Doubts() {
		t.Error("who has not begun is in doubt")
	}
}
