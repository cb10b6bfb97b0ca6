package screenpop

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// FlowConfig is what a Flow stands on. Finder, Screens and Settings are
// required.
type FlowConfig struct {
	Finder  Finder
	Screens Screens
	// Memory spares a look-up beside the worker where the answer is at hand; nil:
	// the Finder is always asked.
	Memory Memory
	// Matters is the second stage; nil leaves pops as the look-up made them.
	Matters MatterFinder
	Trace   Recorder
	// Outcome is told how each leg ended up, once for each, as soon as that is
	// certain. It has to be quick; nil tells nobody.
	Outcome func(Outcome)
	// Settings returns an agent's settings as they are now. It is asked for
	// each event and has to be quick.
	Settings func(AgentID) PopSettings
	// Watched tells whether an agent has a page open, or will soon: the calls of
	// others are looked up once Watch tells of one. It is asked for each call and
	// has to be quick; nil means that everybody does.
	Watched func(AgentID) bool
	// Carry keeps the legs that are under way when the flow stops for [Flow.Carried].
	// Without it they are settled, since nobody will hear of their end.
	Carry bool
	// Capacity bounds the events that wait or are being worked off, over all
	// agents; 0 means DefaultFlowCapacity.
	Capacity int
	// Workers is the number of goroutines agents are spread over; 0 means two
	// for each processor.
	Workers int
	// Now stands in for the clock in tests.
	Now func() time.Time
	// NewID makes the id of a pop of a call at an agent's extension, or of a
	// past call; nil makes random ones. It is called by several goroutines.
	NewID func(AgentID, CallID) string
}

// DefaultFlowCapacity is room for a Monday morning: every phone of a large
// firm ringing at once, several times over, at a few hundred bytes an event.
const DefaultFlowCapacity = 8192

// Flow carries events to screens, one way: event, look-up, pop, matters. It
// keeps the order of each agent's events, promises nothing across agents, never blocks
// who offers, and holds no more than its capacity.
//
// Each agent belongs to one worker. A worker alone touches its agents' legs;
// what is asked of Smokeball runs beside it and hands its answer back through
// the worker's own queue, so that a slow answer delays neither the agent's next
// call nor anybody else.
type Flow struct {
	cfg     FlowConfig
	workers []*worker
	seed    maphash.Seed

	told    bool         // Changes has returned everything once; its caller's
	pending atomic.Int64 // events offered and not yet done with
	unseen  atomic.Int64 // legs that wait for a page of their agent
	closing atomic.Bool
	idle    chan struct{} // tick when pending may have reached 0
	ended   chan struct{} // closed when Run returns
}

// NewFlow returns a Flow that takes events at once and works them off while
// Run runs.
func NewFlow(cfg FlowConfig) *Flow {
	if cfg.Capacity <= 0 {
		cfg.Capacity = DefaultFlowCapacity
	}
	if cfg.Workers <= 0 {
		cfg.Workers = 2 * runtime.GOMAXPROCS(0)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.NewID == nil {
		cfg.NewID = newPopID
	}
	if cfg.Trace == nil {
		cfg.Trace = discard{}
	}
	if cfg.Watched == nil {
		cfg.Watched = func(AgentID) bool { return true }
	}
	if cfg.Outcome == nil {
		cfg.Outcome = func(Outcome) {}
	}
	f := &Flow{cfg: cfg, seed: maphash.MakeSeed(), idle: make(chan struct{}, 1), ended: make(chan struct{})}
	for range cfg.Workers {
		f.workers = append(f.workers, newWorker(f))
	}
	return f
}

// Offer implements [Sink]. Ends are taken beyond the capacity: a PBX need not
// send again what was refused, and an end that is lost leaves a pop on the
// screens. There is at most one for each leg that was let in.
func (f *Flow) Offer(events []Event) bool {
	if len(events) == 0 {
		return true
	}
	if !f.reserve(int64(len(events)), onlyEnds(events)) {
		return false
	}
	for _, e := range events {
		f.workerOf(e.Agent.AgentID).put(item{event: e})
	}
	return true
}

// Open tells that the agent looks closer at a pop: its matters are worth
// fetching now. A pop that is not the agent's, or is over, is nothing. Open
// never blocks; where there is no room it does nothing either.
func (f *Flow) Open(agent AgentID, popID string) {
	if f.reserve(1, false) {
		f.workerOf(agent).put(item{opening: &opening{agent: agent, popID: popID}})
	}
}

func onlyEnds(events []Event) bool {
	for i := range events {
		if events[i].Call.State != Terminated {
			return false
		}
	}
	return true
}

// reserve makes room for n items, beyond the capacity where they must come in,
// or returns false.
func (f *Flow) reserve(n int64, must bool) bool {
	// The order of these two matters: either Close sees the items counted and
	// waits for them, or they see that it is closing.
	if f.pending.Add(n) > int64(f.cfg.Capacity) && !must || f.closing.Load() {
		f.done(n)
		return false
	}
	return true
}

// Run works events off until Close has drained the flow or ctx ends, and
// returns when its last goroutine has. It may be called once.
func (f *Flow) Run(ctx context.Context) error {
	defer close(f.ended)
	// Who would work an event off is leaving: the PBX may send it again.
	defer context.AfterFunc(ctx, func() { f.closing.Store(true) })()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	for _, w := range f.workers {
		wg.Go(func() { w.run(ctx) })
	}
	wg.Wait()
	return nil
}

// Close takes no more events, waits until every event taken has been worked
// off, and lets Run return. When ctx ends first, look-ups under way are
// cancelled and what waits is dropped; the error says how many.
func (f *Flow) Close(ctx context.Context) error {
	f.closing.Store(true)
	var err error
	for f.pending.Load() > 0 && err == nil {
		select {
		case <-f.idle:
		case <-f.ended: // nobody is left to work anything off
			err = &DrainError{Dropped: int(f.pending.Load())}
		case <-ctx.Done():
			err = &DrainError{Dropped: int(f.pending.Load())}
		}
	}
	for _, w := range f.workers {
		w.stop()
	}
	return err
}

// DrainError tells that a flow was closed before it was empty.
type DrainError struct{ Dropped int }

func (e *DrainError) Error() string {
	return fmt.Sprintf("the flow was closed with %d events not worked off", e.Dropped)
}

// ErrFlowStuck is returned by Alive when a worker did not answer in time.
var ErrFlowStuck = errors.New("a worker of the flow does not answer")

// Alive passes through every worker's queue and returns ErrFlowStuck when ctx
// ends before each has answered.
func (f *Flow) Alive(ctx context.Context) error {
	answered := make(chan struct{}, len(f.workers))
	for _, w := range f.workers {
		w.put(item{probe: answered})
	}
	for range f.workers {
		select {
		case <-answered:
		case <-ctx.Done():
			return ErrFlowStuck
		}
	}
	return nil
}

// Pending returns the number of events that wait or are being looked up.
func (f *Flow) Pending() int { return int(f.pending.Load()) }

func (f *Flow) done(n int64) {
	if f.pending.Add(-n) == 0 {
		select {
		case f.idle <- struct{}{}:
		default:
		}
	}
}

func (f *Flow) workerOf(a AgentID) *worker {
	h := maphash.Comparable(f.seed, a)
	return f.workers[h%uint64(len(f.workers))]
}

type discard struct{}

func (discard) Record(TraceEntry) {}
