package crew

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMembersComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var log []string
		note := func(s string) {
			mu.Lock()
			defer mu.Unlock()
			log = append(log, s)
		}
		told := func() string {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			s := strings.Join(log, " ")
			log = nil
			return s
		}
		c := New("a", "b")
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan struct{})
		go func() {
			defer close(ran)
			c.Run(ctx, func(ctx context.Context, m string) {
				note("+" + m)
				<-ctx.Done()
				time.Sleep(time.Second) // it has to come back first
				note("-" + m)
			})
		}()
		if got := strings.Fields(told()); !slices.Contains(got, "+a") || !slices.Contains(got, "+b") || len(got) != 2 {
			t.Errorf("at first: %q", got)
		}
		c.Set([]string{"b", "c"})
		time.Sleep(2 * time.Second)
		if got := told(); got != "-a +c" {
			t.Errorf("then: %q", got)
		}
		c.Set([]string{"b", "c"})
		time.Sleep(2 * time.Second)
		if got := told(); got != "" {
			t.Errorf("nothing has changed: %q", got)
		}
		c.Set(nil)
		c.Set([]string{"c"})
		time.Sleep(2 * time.Second)
		if got := told(); got != "-b" {
			t.Errorf("two changes at once: %q", got)
		}
		cancel()
		<-ran
		if got := told(); got != "-c" {
			t.Errorf("at the end: %q", got)
		}
	})
}
