package tokens

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// second returns a keeper of another daemon on the same store.
func (r *rig) second(instance string) *rig {
	r.t.Helper()
	other := *r
	other.cfg.Instance, other.log = instance, &lines{}
	other.start()
	r.t.Cleanup(other.stop)
	return &other
}

func asInstance(name string) func(*Config) { return func(c *Config) { c.Instance = name } }

// Agents change hands while a refresh of theirs is under way: the new daemon
// does not ask, and has what the old one brings.
func TestOneOfTwoDaemonsAsks(t *testing.T) {
	for name, rotate := range map[string]bool{"the refresh token stays": false, "it is replaced": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, asInstance("a"))
				r.server.set(func(s *authServer) { s.rotate = rotate })
				r.pair()
				pass(time.Hour)
				held := make(chan struct{})
				r.server.set(func(s *authServer) { s.held = held })
				asked := make(chan screenpop.Secret)
				go func() {
					token, err := r.keeper.Token(t.Context(), priya)
					if err != nil {
						t.Error(err)
					}
					asked <- token
				}()
				synctest.Wait()
				r.wantRefreshes(1)

				b := r.second("b")
				if _, err := b.keeper.Token(t.Context(), priya); !errors.Is(err, screenpop.ErrStoreAway) {
					t.Fatalf("while the other asks: %v", err)
				}
				r.wantRefreshes(1)
				close(held)
				token := <-asked
				pass(2 * time.Second) // it is held back for a moment
				if got, err := b.keeper.Token(t.Context(), priya); got != token || err != nil {
					t.Errorf("the new daemon has another token: %v", err)
				}
				r.wantRefreshes(1)
				b.wantState(screenpop.Paired)
				pass(time.Hour)
				if _, err := b.keeper.Token(t.Context(), priya); err != nil {
					t.Errorf("the next one: %v", err)
				}
				r.wantRefreshes(2)
			})
		})
	}
}

// A daemon that went while it asked is waited for, and no longer than it could
// have asked; what it brings too late is not saved, and nothing is revoked.
func TestWhoAsksTooLateSavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, asInstance("a"))
		r.pair()
		pass(time.Hour)
		began := time.Now()
		// The answer is there and the daemon stands still before it saves it.
		w := r.keeper.wallet(priya)
		if err := r.keeper.commit(w, w.epoch, func(rec *record) { rec.Asked, rec.By = r.keeper.now(), "a" }); err != nil {
			t.Fatal(err)
		}
		grant, err := r.keeper.ask(w, w.rec.Refresh)
		if err != nil {
			t.Fatal(err)
		}
		r.wantRefreshes(1)

		b := r.second("b")
		var token screenpop.Secret
		for token == "" {
			var err error
			if token, err = b.keeper.Token(t.Context(), priya); err != nil && !errors.Is(err, screenpop.ErrUnavailable) {
				t.Fatal(err)
			}
			pass(time.Second)
		}
		if waited := time.Since(began); waited < requestTimeout || waited > askTime+10*time.Second {
			t.Errorf("it waited %v", waited)
		}
		r.wantRefreshes(2)

		if _, outcome, err := r.keeper.bank(w, w.epoch, grant, r.keeper.now()); outcome == outcomeRefreshed || err == nil {
			t.Errorf("the old daemon has saved: %v", outcome)
		}
		if stored, _, err := b.keeper.read(t.Context(), priya); err != nil || stored.Access != token {
			t.Errorf("stored is not what the new daemon has: %v", err)
		}
		if got, err := b.keeper.Token(t.Context(), priya); got != token || err != nil {
			t.Errorf("the new daemon's token: %v", err)
		}
		r.wantRefreshes(2)
		r.server.mu.Lock()
		defer r.server.mu.Unlock()
		if len(r.server.revoked) != 0 {
			t.Errorf("revoked: %d", len(r.server.revoked))
		}
	})
}

// A daemon that stood still, or whose store took its time, between announcing a
// request and making it does not make it: another one may ask by then.
func TestWhoStoodStillDoesNotAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, asInstance("a"))
		r.pair()
		pass(time.Hour)
		r.store.slow.Store(int64(askWithin + time.Second))
		hurried, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if _, err := r.keeper.Token(hurried, priya); !errors.Is(err, screenpop.ErrStoreAway) {
			t.Errorf("who waits for the store is told %v", err)
		}
		if _, err := r.keeper.Token(t.Context(), priya); !errors.Is(err, screenpop.ErrUnavailable) {
			t.Errorf("a token: %v", err)
		}
		r.wantRefreshes(0)
		r.store.slow.Store(0)
		pass(5 * time.Second)
		if _, err := r.keeper.Token(t.Context(), priya); err != nil {
			t.Errorf("later: %v", err)
		}
		r.wantRefreshes(1)
	})
}

// A refresh token that was refused may have been replaced by another daemon's
// request: its new one is taken over, but not while it asks for the next.
func TestARefusedTokenDoesNotBreakInOnWhoAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, asInstance("a"))
		r.pair()
		b := r.second("b")
		mine, theirs := r.keeper.wallet(priya), b.keeper.wallet(priya)
		if err := b.keeper.commit(theirs, theirs.epoch, func(rec *record) {
			rec.Refresh, rec.Asked, rec.By = "hush-replaced", b.keeper.now(), "b"
		}); err != nil {
			t.Fatal(err)
		}
		refused := mine.rec.Refresh
		if rec, err := r.keeper.adopt(mine, mine.epoch, refused); rec != nil || !errors.Is(err, errForeign) {
			t.Errorf("while the other asks it is taken over: %v", err)
		}
		if stored, _, err := b.keeper.read(t.Context(), priya); err != nil || stored.By != "b" {
			t.Errorf("the other's announcement is gone: %v", err)
		}
		pass(askTime)
		if rec, err := r.keeper.adopt(mine, mine.epoch, refused); err != nil || rec == nil || rec.Refresh != "hush-replaced" {
			t.Errorf("once its time is over: %v", err)
		}
	})
}

// Who unpairs at one daemon is unpaired at the other too, as soon as it would
// write.
func TestUnpairedAtAnotherDaemon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, asInstance("a"))
		r.pair()
		b := r.second("b")
		if _, err := b.keeper.Unpair(t.Context(), priya); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		if _, err := r.keeper.Token(t.Context(), priya); err == nil {
			t.Error("there is a token")
		}
		if stored, _, err := b.keeper.read(t.Context(), priya); stored != nil || err != nil {
			t.Errorf("the record is back: %v", err)
		}
		r.wantState(screenpop.Unpaired)
		r.wantRefreshes(0)
	})
}

// A store that cannot be reached is one that comes back: who asks for a token is
// told so, and has one the moment it is there.
func TestTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, asInstance("a"))
		r.pair()
		pass(time.Hour)
		r.store.away.Store(true)
		for range 3 {
			if _, err := r.keeper.Token(t.Context(), priya); !errors.Is(err, screenpop.ErrStoreAway) {
				t.Errorf("while the store is away: %v", err)
			}
			pass(time.Second)
		}
		r.store.away.Store(false)
		r.token()
		r.wantRefreshes(1)
	})
}

// A daemon whose agents go on elsewhere while the store is away still has an answer to
// save: it does so when the store is back, before another one asks with the token that
// was replaced.
func TestAnAnswerIsSavedWhenTheStoreIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, asInstance("a"))
		r.pair()
		pass(time.Hour)
		held := make(chan struct{})
		r.server.set(func(s *authServer) { s.rotate, s.held = true, held })
		go func() { _, _ = r.keeper.Token(t.Context(), priya) }()
		synctest.Wait()
		r.wantRefreshes(1)
		r.store.away.Store(true)
		close(held)
		synctest.Wait()
		stopped := make(chan struct{})
		go func() { r.stop(); close(stopped) }()
		pass(5 * time.Second)
		r.store.away.Store(false)
		<-stopped
		b := r.second("b")
		pass(askTime)
		if _, err := b.keeper.Token(t.Context(), priya); err != nil {
			t.Error(err)
		}
		r.wantRefreshes(1)
	})
}

// It does not try for longer than the token is its own.
func TestAnAnswerThatCannotBeSavedIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, asInstance("a"))
		r.pair()
		pass(time.Hour)
		began, held := time.Now(), make(chan struct{})
		r.server.set(func(s *authServer) { s.rotate, s.held = true, held })
		go func() { _, _ = r.keeper.Token(t.Context(), priya) }()
		synctest.Wait()
		r.store.away.Store(true)
		close(held)
		synctest.Wait()
		r.stop()
		if took := time.Since(began); took > askTime {
			t.Errorf("given up after %v", took)
		}
		if !strings.Contains(r.log.String(), "could not be saved") {
			t.Error("nobody was told")
		}
	})
}
