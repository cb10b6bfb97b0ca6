package push

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Config is what a Hub stands on. Origin and Pairings are required.
type Config struct {
	// Origin is the one origin whose pages may open a socket, as browsers
	// write it: scheme, host in lower case, a port only where it is not the
	// scheme's own. "https://pop.firm.example".
	Origin   string
	Pairings Pairings
	Settings Settings // nil: screens are told of none
	Opener   Opener   // nil: nobody wants to know
	Watcher  Watcher  // nil: likewise
	Trace    screenpop.Recorder
	Frames   screenpop.Recorder // of each frame of a pop that was written, StepFrame; nil: nobody measures
	Metrics  prometheus.Registerer
	Log      *slog.Logger
	Limits   Limits
}

// Pairings knows how an agent's authorisation stands now. It has to answer
// with the new state before it announces it by [Hub.PairingChanged].
type Pairings interface {
	Pairing(screenpop.AgentID) screenpop.Pairing
}

// Opener wants to know what agents look closer at.
type Opener interface {
	// Opened tells that the agent has opened the card of a pop of his or hers
	// that is live. It is called as often as the browser says so and must not
	// block.
	Opened(agent screenpop.AgentID, popID string)
}

// Watcher wants to know who opens a page.
type Watcher interface {
	// Watch tells that a screen of the agent has opened. It must not block.
	Watch(agent screenpop.AgentID)
}

// Limits bounds what screens may cost. A field that is zero takes its default.
type Limits struct {
	Screens         int // open sockets of the whole hub; beyond: 503. Default 20,000
	ScreensPerAgent int // beyond: 429. Default 64
	Queue           int // messages that wait for one screen; beyond: 4008. Default 256
	QueueBytes      int // their bytes, counted from the second on. Default 1 MiB
	LivePops        int // pops of one agent at a time; the oldest gives way. Default 50
	RecentPops      int // ended pops kept for an agent. Default 50
	MessageBytes    int // of one message from a browser; beyond: 4504. Default 1 KiB
	Messages        int // and control frames from one browser in ten seconds; beyond: 4504. Default 200

	RecentFor     time.Duration // an ended pop is forgotten after. Default 12 h, an agent's day
	WatchedFor    time.Duration // an agent is expected back after the last screen closed. Default 12 h
	Arrival       time.Duration // everybody is expected after the hub was made. Default 10 min
	PingEvery     time.Duration // on average. Default 25 s
	Silence       time.Duration // a socket heard nothing of is cut after. Default 60 s, least 2 PingEvery
	WriteTimeout  time.Duration // for one message. Default 10 s
	CloseGrace    time.Duration // a browser has to answer a close. Default 2 s
	RestartSpread time.Duration // Close spreads its closes over. Default 3 s
}

func (l Limits) withDefaults() Limits {
	number := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	duration := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	number(&l.Screens, 20_000)
	number(&l.ScreensPerAgent, 64)
	number(&l.Queue, 256)
	number(&l.QueueBytes, 1<<20)
	number(&l.LivePops, 50)
	number(&l.RecentPops, 50)
	number(&l.MessageBytes, 1<<10)
	number(&l.Messages, 200)
	duration(&l.RecentFor, 12*time.Hour)
	duration(&l.WatchedFor, 12*time.Hour)
	duration(&l.Arrival, 10*time.Minute)
	duration(&l.PingEvery, 25*time.Second)
	duration(&l.Silence, time.Minute)
	l.Silence = max(l.Silence, 2*l.PingEvery) // a pong gets its chance
	duration(&l.WriteTimeout, 10*time.Second)
	duration(&l.CloseGrace, 2*time.Second)
	duration(&l.RestartSpread, 3*time.Second)
	return l
}

type discard struct{}

func (discard) Record(screenpop.TraceEntry) {}
