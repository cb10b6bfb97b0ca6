package numbering

import (
	"fmt"
	"sync"
	"testing"
)

// What a plan remembers never changes what it answers, however many slots
// collide and however many ask.
func TestMemoAnswersAsIfItWereNotThere(t *testing.T) {
	p := mustPlan(t, "US", "")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 3000 { // some hundred of them want a slot that is taken
				party := fmt.Sprintf("617399%04d", i%2000)
				if got, want := p.Parse(party).Canonical, "+1"+party; got != want {
					t.Errorf("Parse(%q) = %q", party, got)
					return
				}
			}
		})
	}
	wg.Wait()
}
