package push

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

type watchers struct {
	mu  sync.Mutex
	who []screenpop.AgentID
}

func (w *watchers) Watch(a screenpop.AgentID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.who = append(w.who, a)
}

// Who has a page open is watching, and is expected back for half a day after it
// was closed; not who has signed out. After a start everybody is expected.
func TestWatched(t *testing.T) {
	inBubble(t, Limits{}, func(g *clockRig) {
		told := &watchers{}
		g.watcher = told
		is := func(when string, want bool) {
			t.Helper()
			synctest.Wait()
			if got := g.Watched(tom); got != want {
				t.Errorf("%s: watched is %v", when, got)
			}
		}
		is("at the start", true)
		pass(10*time.Minute + time.Second)
		is("nobody has come", false)
		opened := func() func() {
			conn := g.open()
			go func() { // answers pings
				for {
					if _, _, err := conn.ReadMessage(); err != nil {
						return
					}
				}
			}()
			return func() { _ = conn.Close() }
		}
		shut := opened()
		is("a page is open", true)
		if len(told.who) != 1 || told.who[0] != tom {
			t.Errorf("told of %v", told.who)
		}
		pass(24 * time.Hour)
		is("a day later", true)
		shut()
		pass(11 * time.Hour)
		is("the page was closed", true)
		pass(2 * time.Hour)
		is("long ago", false)
		opened()()
		is("another page was open", true)
		g.Forget(tom)
		is("the last session has ended", false)
		opened()
		g.CloseAgent(tom, EndedByAdmin)
		is("the admin has ended the sessions", false)
		opened()
		g.CloseSession("s", SignedOut)
		is("signed out", false)
	})
}
