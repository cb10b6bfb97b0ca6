package push

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Close refuses new screens, closes the open ones with [Restart] and waits
// until all their goroutines have ended. The closes are spread over
// at most Limits.RestartSpread, and at most half of what ctx allows, in random order,
// so that the browsers do not come back in one wave. When ctx ends first, what
// is left is cut off and the error says how many. It may be called again.
func (h *Hub) Close(ctx context.Context) error {
	h.closing.Store(true)
	h.stopOnce.Do(func() { close(h.stop) })
	var screens []*screen
	for i := range h.shards {
		sh := &h.shards[i]
		sh.mu.Lock() // whoever joins after this sees that the hub is closing
		for _, r := range sh.rooms {
			screens = append(screens, r.screens...)
		}
		sh.mu.Unlock()
	}
	rand.Shuffle(len(screens), func(i, j int) { screens[i], screens[j] = screens[j], screens[i] })
	h.closeSpread(ctx, screens)

	ended := make(chan struct{})
	go func() {
		h.goroutines.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	n := h.abortAll()
	<-ended // what is cut off ends by itself
	if n == 0 {
		return nil
	}
	return fmt.Errorf("close the screens: %d did not answer and were cut off: %w", n, ctx.Err())
}

// pace is what one browser adds to the spread: few need none to speak of.
const pace = 2 * time.Millisecond

// closeSpread closes the screens one by one; all that are left as soon as ctx
// ends.
func (h *Hub) closeSpread(ctx context.Context, screens []*screen) {
	spread := min(h.limits.RestartSpread, time.Duration(len(screens))*pace)
	if deadline, ok := ctx.Deadline(); ok {
		spread = max(0, min(spread, time.Until(deadline)/2))
	}
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i, s := range screens {
		due := time.Duration(float64(spread) * float64(i) / float64(len(screens)))
		if wait := due - time.Since(start); wait > 0 && ctx.Err() == nil {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		}
		h.drop(s, Restart)
	}
}

func (h *Hub) abortAll() (n int) {
	for i := range h.shards {
		sh := &h.shards[i]
		sh.mu.Lock()
		for s := range sh.open {
			s.abort()
			n++
		}
		sh.mu.Unlock()
	}
	return n
}
