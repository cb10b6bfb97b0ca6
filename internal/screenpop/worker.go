package screenpop

import (
	"context"
	"crypto/rand"
	"sync"
)

// item is what a worker's queue holds: an event, the answer of a look-up, or a
// probe of Alive.
type item struct {
	event  Event
	answer *answer
	probe  chan<- struct{}
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
	legs map[legKey]*leg

	mu      sync.Mutex
	queue   []item
	stopped bool
	wake    chan struct{}

	lookups sync.WaitGroup
}

func newWorker(f *Flow) *worker {
	return &worker{flow: f, legs: make(map[legKey]*leg), wake: make(chan struct{}, 1)}
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

// run works the queue off until it is stopped or ctx ends, then cancels the
// look-ups under way and waits for them.
func (w *worker) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer w.lookups.Wait()
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

func (w *worker) work(ctx context.Context, it item) {
	switch {
	case it.probe != nil:
		it.probe <- struct{}{}
	case it.answer != nil:
		w.answered(it.answer)
		w.flow.done(1)
	default:
		if !w.event(ctx, it.event) {
			w.flow.done(1) // else the look-up it started is not done yet
		}
	}
}

func newPopID() string { return rand.Text() }
