package screenpop

import "context"

// LegChange is what has become of a leg.
type LegChange struct {
	ID   LegID
	Gone bool
	Leg  CarriedLeg // unless it is gone
}

// changesAsked is what Changes asks of a worker.
type changesAsked struct {
	all    bool
	answer chan<- []LegChange
}

// Changes returns the legs that have changed since it was called last, while the
// flow runs, each as it is between two of its agent's events. The first time, and
// after an error, it returns all there are, and says so: then a leg that is not
// among them is gone. It returns [ErrFlowStuck] when ctx ends first. It is called
// by one goroutine.
func (f *Flow) Changes(ctx context.Context) (changes []LegChange, all bool, err error) {
	all = !f.told
	f.told = false // what is not fetched now is lost
	answer := make(chan []LegChange, len(f.workers))
	for _, w := range f.workers {
		w.put(item{changes: &changesAsked{all, answer}})
	}
	for range f.workers {
		select {
		case some := <-answer:
			changes = append(changes, some...)
		case <-ctx.Done():
			return nil, false, ErrFlowStuck
		}
	}
	f.told = true
	return changes, all, nil
}

// note remembers that a leg has changed, if anybody asks.
func (w *worker) note(id LegID) {
	if w.moved != nil {
		w.moved[id] = true
	}
}

// tell returns the worker's legs that have changed, or all of them.
func (w *worker) tell(all bool) []LegChange {
	now := w.flow.cfg.Now()
	var changes []LegChange
	if all {
		w.moved = map[LegID]bool{}
		for id, l := range w.legs {
			changes = append(changes, LegChange{ID: id, Leg: l.carry(now)})
		}
		return changes
	}
	for id := range w.moved {
		c := LegChange{ID: id, Gone: true}
		if l := w.legs[id]; l != nil {
			c.Gone, c.Leg = false, l.carry(now)
		}
		changes = append(changes, c)
	}
	clear(w.moved)
	return changes
}
