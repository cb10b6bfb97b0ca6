package numbering

import (
	"fmt"
	"sync"
	"testing"

	"github.com/smokepop/smokepop/internal/screenpop"
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

// A quarter of the table is remembered nearly whole, wherever its parties fall.
func TestMemoRemembersWhatFitsIn(t *testing.T) {
	m, read := newMemo(), 0
	for range 2 {
		read = 0
		for i := range memoSlots / 4 {
			m.number(fmt.Sprintf("617399%04d", i), func(string) (n screenpop.Number) { read++; return n })
		}
	}
	if read > memoSlots/4/50 {
		t.Errorf("of %d parties %d were read again", memoSlots/4, read)
	}
}
