package screenpop

import (
	"context"
	"crypto/rand"
	"sync"
)

// item is what a worker's queue holds: an event, a leg that came over a restart,
// the answer of a look-up, an agent's opening of a card or of a page, the matters
// of a pop, a probe of Alive, or what Changes asks.
type item struct {
	event   Event
	resumed *resumed
	answer  *answer
	opening *opening
	watcher *AgentID
	matters *matters
	probe   chan<- struct{}
	changes *changesAsked
}

// opening is an agent's look closer at a pop.
type opening struct {
	agent AgentID
	popID string
}

// answer is what a look-up found for a leg.
type answer struct {
	leg   *leg
	match Match
	err   error
}

// worker owns the legs of its agents. Only its own goroutine touches legs.
type worker struct {
	flow *Flow
	legs map[LegID]*leg
	pops map[string]*leg // those of legs that have a pop, by its id
	// unseen has, of legs, those that wait for a page of their agent.
	unseen map[AgentID][]*leg
	moved  map[LegID]bool // since Changes has asked; nil: it never has

	mu      sync.Mutex
	queue   []item
	stopped bool
	wake    chan struct{}

	asking  sync.WaitGroup // what runs beside the worker
	carried []CarriedLeg   // once the worker has left
}

func newWorker(f *Flow) *worker {
	return &worker{flow: f, legs: make(map[LegID]*leg), pops: make(map[string]*leg), unseen: make(map[AgentID][]*leg), wake: make(chan struct{}, 1)}
}

// put never blocks: the flow's capacity bounds the queue.
func (w *worker) put(it item) {
	w.mu.Lock()
	w.queue = append(w.queue, it)
	w.mu.Unlock()
	w.nudge()
}

func (w *worker) stop() {
	w.mu.Lock()
	w.stopped = true
	w.mu.Unlock()
	w.nudge()
}

func (w *worker) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run works the queue off until it is stopped or ctx ends, then cancels what is
// asked of Smokeball, waits for it, and settles what became of the legs left.
func (w *worker) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer w.leave()
	defer w.asking.Wait()
	defer cancel()
	var batch []item
	for {
		w.mu.Lock()
		batch, w.queue = w.queue, batch[:0]
		stopped := w.stopped
		w.mu.Unlock()
		for i := range batch {
			w.work(ctx, batch[i])
			batch[i] = item{} // let go of contacts and events
		}
		if len(batch) > 0 {
			continue
		}
		if stopped {
			return
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return
		}
	}
}

// leave hands on the legs that are under way, or settles the outcome of each
// whose end nobody will hear of; those of events that are still queued are among
// them.
func (w *worker) leave() {
	w.mu.Lock()
	queue := w.queue
	w.queue = nil
	w.mu.Unlock()
	if w.flow.cfg.Carry {
		w.carry(queue)
		return
	}
	for _, it := range queue {
		e := it.event
		key := LegID{e.Agent.AgentID, e.Call.ID}
		switch l := w.legs[key]; {
		case e.Call.State != Ringing && e.Call.State != Connected: // an end, or no event at all
		case l == nil:
			settings := w.flow.cfg.Settings(e.Agent.AgentID)
			off := !settings.wants(e.Call.Direction) || settings.On == Connected && e.Call.State == Ringing
			w.legs[key] = &leg{agent: e.Agent, call: e.Call, asked: !off}
		case e.Call.State == Connected && l.outcome == "":
			l.asked = true
		}
	}
	for _, l := range w.legs {
		if l.outcome != "" {
			continue
		}
		outcome, why := OutcomePopsOff, "smokepop stopped before the call was answered"
		switch {
		case l.unseen:
			outcome, why = OutcomeUnwatched, "smokepop stopped, and the agent had no page open"
		case l.asked:
			outcome, why = OutcomeTooLate, "smokepop stopped before the look-up was done"
		}
		w.decide(l, outcome)
		w.trace(Event{Agent: l.agent, Call: l.call}, StepFlow, string(outcome), why)
	}
}

func (w *worker) work(ctx context.Context, it item) {
	asking := false
	switch {
	case it.probe != nil:
		it.probe <- struct{}{}
		return
	case it.changes != nil:
		it.changes.answer <- w.tell(it.changes.all)
		return
	case it.answer != nil:
		asking = w.answered(ctx, it.answer)
	case it.opening != nil:
		asking = w.opened(ctx, it.opening)
	case it.watcher != nil:
		w.watched(ctx, *it.watcher)
	case it.matters != nil:
		w.known(it.matters)
	case it.resumed != nil:
		asking = w.resume(ctx, it.resumed)
	default:
		asking = w.event(ctx, it.event)
	}
	if !asking {
		w.flow.done(1) // else what it asks is worked off with the answer
	}
}

func newPopID(AgentID, CallID) string { return rand.Text() }
