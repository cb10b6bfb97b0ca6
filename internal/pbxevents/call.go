package pbxevents

import (
	"container/list"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// call is what the tracker remembers of one call of the PBX.
type call struct {
	id      screenpop.CallID
	legs    []leg
	ended   bool           // ended as a whole: nothing pops for it any more
	skip    screenpop.Skip // why its start was skipped, while it has no leg
	touched time.Time      // when an event last changed it
	place   *list.Element  // in the tracker's list of live or of ended calls
	live    bool           // which of the two
}

// leg is a call at one extension. Its state only moves forward. One that was
// first seen terminated has no call.
type leg struct {
	agent screenpop.Agent
	call  screenpop.Call
}

func (l *leg) live() bool { return l.call.State.Rank() < screenpop.Terminated.Rank() }

func (c *call) leg(x screenpop.Extension) *leg {
	for i := range c.legs {
		if c.legs[i].agent.Extension == x {
			return &c.legs[i]
		}
	}
	return nil
}

func (c *call) hasLive() bool {
	for i := range c.legs {
		if c.legs[i].live() {
			return true
		}
	}
	return false
}

func (c *call) hasConnected() bool {
	for i := range c.legs {
		if c.legs[i].call.State == screenpop.Connected {
			return true
		}
	}
	return false
}
