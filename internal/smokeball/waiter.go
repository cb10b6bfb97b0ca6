package smokeball

import "time"

// waiter is a request that waits for its turn.
type waiter struct {
	priority    Priority
	deadline    time.Time
	hasDeadline bool
	index       int        // in the queue; -1 once it has left
	ready       chan error // takes one value: nil when granted
	probe       bool       // granted to find out whether Smokeball is back
	lent        bool       // for another process of the cluster
}

// late tells whether a request sent at that time could not be answered before
// the deadline.
func (w *waiter) late(at time.Time) bool {
	return w.hasDeadline && at.Add(useful).After(w.deadline)
}

// waiters is a heap, the most urgent first.
type waiters []*waiter

func (q waiters) Len() int           { return len(q) }
func (q waiters) Less(i, j int) bool { return q[i].priority.before(q[j].priority) }
func (q waiters) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push is for container/heap.
func (q *waiters) Push(x any) {
	w := x.(*waiter)
	w.index = len(*q)
	*q = append(*q, w)
}

// Pop is for container/heap.
func (q *waiters) Pop() any {
	last := len(*q) - 1
	w := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	w.index = -1
	return w
}
