package push

import (
	"sync"
	"testing"
)

// Changes at the same time leave all agents with the same belief.
func TestServiceShardsAgree(t *testing.T) {
	h := New(Config{Pairings: allPaired{}})
	defer func() {
		if err := h.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	for round := range 2000 {
		var both sync.WaitGroup
		begin := make(chan struct{})
		for _, state := range []ServiceState{ServiceOK, ServiceNotAnswering} {
			both.Go(func() {
				<-begin
				h.Service(tom.Tenant, state)
			})
		}
		close(begin)
		both.Wait()
		for i := range h.shards {
			if got, first := h.shards[i].serviceOf(tom.Tenant), h.shards[0].serviceOf(tom.Tenant); got != first {
				t.Fatalf("round %d: shard %d believes %s, the first %s", round, i, got, first)
			}
		}
	}
}
