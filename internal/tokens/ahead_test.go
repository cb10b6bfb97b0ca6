package tokens

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// newTimedRig is a rig whose Run refreshes ahead.
func newTimedRig(t testing.TB) *rig {
	r := newRig(t, nil)
	r.stop()
	r.timer = true
	r.start()
	return r
}

// crew lets n agents have paired at one moment, and starts the keeper anew.
func (r *rig) crew(n int, got time.Time) (ids []screenpop.AgentID) {
	r.t.Helper()
	r.stop()
	all := people{}
	for i := range n {
		id := screenpop.AgentID{Tenant: firm, Extension: screenpop.Extension(fmt.Sprint(1000 + i))}
		rec := record{Version: recordVersion, Paired: got, Granted: got}
		var refresh string
		r.server.set(func(s *authServer) { refresh = s.newRefresh() })
		rec.take(smokeball.Grant{AccessToken: "hush-access", RefreshToken: screenpop.Secret(refresh), Expiry: got.Add(time.Hour)}, got)
		b, err := rec.encode()
		if err != nil {
			r.t.Fatal(err)
		}
		if err := r.vault.Put(r.t.Context(), pathOf(id), b); err != nil {
			r.t.Fatal(err)
		}
		all[id] = screenpop.Agent{AgentID: id}
		ids = append(ids, id)
	}
	r.cfg.Directory = all
	r.start()
	return ids
}

// logged counts the log's lines that contain all the words.
func (r *rig) logged(words ...string) (n int) {
lines:
	for _, line := range strings.Split(r.log.String(), "\n") {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue lines
			}
		}
		n++
	}
	return n
}

func TestTimerKeepsAnIdleAgentsTokenFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t)
		r.pair()
		first := r.token()
		pass(48 * time.Minute)
		synctest.Wait()
		r.wantRefreshes(0)
		pass(11 * time.Minute)
		synctest.Wait()
		r.wantRefreshes(1)
		r.server.set(func(s *authServer) { s.held = make(chan struct{}) })
		if r.token() == first { // at once, though the server would not answer
			t.Error("the first token is handed out yet")
		}
		r.server.set(func(s *authServer) { s.held = nil })
		pass(day - time.Hour)
		synctest.Wait()
		if _, n := r.server.counts(); n < 24 || n > 30 {
			t.Errorf("%d refreshes in a day", n)
		}
		r.wantState(screenpop.Paired)
		if n := r.logged("pairing changed"); n != 1 {
			t.Errorf("%d changes of the pairing", n)
		}
	})
}

// A firm that paired in one minute does not ask in one minute.
func TestTimerSpreadsAFirm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t)
		const n = 150
		r.crew(n, time.Now())
		begun := time.Now()
		perMinute := map[int]int{}
		r.server.set(func(s *authServer) {
			s.answer = func(string) (int, string) { perMinute[int(time.Since(begun)/time.Minute)]++; return 0, "" }
		})
		pass(59 * time.Minute)
		synctest.Wait()
		r.wantRefreshes(n)
		for minute, asked := range perMinute {
			if minute < 49 || asked > n/5 {
				t.Errorf("%d requests in minute %d", asked, minute)
			}
		}
	})
}

// Every token has ended while the machine was off.
func TestTimerBeginsFewAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t)
		r.server.rotate = true
		begun := time.Now()
		var mu sync.Mutex
		most, now := 0, 0
		r.server.set(func(s *authServer) {
			s.during = func() {
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				pass(time.Second)
				mu.Lock()
				now--
				mu.Unlock()
			}
		})
		r.crew(100, begun.Add(-day))
		pass(26 * time.Second)
		synctest.Wait()
		r.wantRefreshes(100)
		if most != timersPerTenant {
			t.Errorf("%d at once, want %d", most, timersPerTenant)
		}
	})
}

func TestTimerLeavesShortTokensToTheirUsers(t *testing.T) {
	for _, life := range []string{"1", "30", "60", "299"} {
		t.Run(life, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newTimedRig(t)
				r.server.life = life
				r.pair()
				pass(2 * time.Hour)
				synctest.Wait()
				r.wantRefreshes(0)
				r.token()
				r.wantRefreshes(1)
			})
		})
	}
}

// Callers, the API's refusals and the timer meet at a token that ended while
// the machine was off: one request.
func TestHundredCallersAndTheTimerAskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t)
		r.server.rotate = true
		r.pair()
		stale := r.token()
		r.stop()
		pass(2 * time.Hour)
		r.server.set(func(s *authServer) { s.held = make(chan struct{}) })
		go func() { pass(3 * time.Second); close(r.server.held) }()
		r.start() // and with it the timer
		var i int
		var mu sync.Mutex
		tokens, failures := crowd(func() (screenpop.Secret, error) {
			mu.Lock()
			i++
			renew := i%2 == 0
			mu.Unlock()
			if renew {
				return r.keeper.Renew(t.Context(), priya, stale)
			}
			return r.keeper.Token(t.Context(), priya)
		})
		if len(tokens) != 1 || tokens[stale] != 0 || len(failures) != 0 {
			t.Errorf("%d different tokens, failures %v", len(tokens), failures)
		}
		r.wantRefreshes(1)
	})
}

func TestTimerRecoversWithoutACall(t *testing.T) {
	for name, broken := range map[string]func(string) (int, string){
		"502":       func(string) (int, string) { return 502, "" },
		"429":       func(string) (int, string) { return 429, "" },
		"a page":    func(string) (int, string) { return 200, "<html>" },
		"no client": func(string) (int, string) { return 401, `{"error":"invalid_client"}` },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newTimedRig(t)
				r.pair()
				first := r.token()
				r.server.set(func(s *authServer) { s.answer = broken })
				pass(59*time.Minute + 10*time.Minute)
				if _, n := r.server.counts(); n < 10 || n > 50 {
					t.Errorf("%d requests in ten to twenty minutes", n)
				}
				r.server.set(func(s *authServer) { s.answer = nil })
				_, before := r.server.counts()
				pass(time.Minute)
				synctest.Wait()
				r.wantRefreshes(before + 1)
				if r.token() == first {
					t.Error("no new token")
				}
				r.wantState(screenpop.Paired)
				r.wantRefreshes(before + 1)
			})
		})
	}
}

func TestTimerAsksNothingWhileTheStoreTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t)
		ids := r.crew(50, time.Now())
		r.store.noWrites.Store(true)
		pass(3 * time.Hour)
		synctest.Wait()
		r.wantRefreshes(0)
		if n := r.logged("level=ERROR", "cannot save"); n == 0 || n > 3*60 {
			t.Errorf("%d lines in three hours", n)
		}
		said := 0
		for _, id := range ids {
			if p := r.keeper.Pairing(id); p.State != screenpop.Paired {
				t.Errorf("%v: %+v", id, p)
			} else if p.Problem == problemNoSave {
				said++
			}
		}
		if said == 0 {
			t.Error("no pairing tells of it")
		}
		r.store.noWrites.Store(false)
		pass(2 * time.Minute)
		synctest.Wait()
		r.wantRefreshes(len(ids))
		for _, id := range ids {
			if p := r.keeper.Pairing(id); p.Problem != "" {
				t.Errorf("%v: %+v", id, p)
			}
		}
	})
}

// An answer the store did not take is saved as soon as it does.
func TestTimerSavesTheAnswerKeptAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t)
		r.server.rotate = true
		r.pair()
		old := r.stored().Refresh
		r.server.set(func(s *authServer) {
			s.answer = func(string) (int, string) { r.store.noWrites.Store(true); return 0, "" }
		})
		pass(59 * time.Minute)
		synctest.Wait()
		r.wantRefreshes(1)
		r.store.noWrites.Store(false)
		pass(time.Minute)
		synctest.Wait()
		if rec := r.stored(); rec.Refresh == old || !rec.usable(time.Now()) {
			t.Error("not saved")
		}
		r.wantRefreshes(1)
	})
}

func TestTimerLeavesWhoIsGoneAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t)
		r.pair()
		r.cfg.Directory = people{}
		r.restart()
		pass(3 * time.Hour)
		synctest.Wait()
		r.wantRefreshes(0)
		r.cfg.Directory = people{priya: {AgentID: priya}}
		r.restart()
		synctest.Wait()
		r.wantRefreshes(1)
		if _, err := r.keeper.Unpair(t.Context(), priya); err != nil {
			t.Fatal(err)
		}
		pass(3 * time.Hour)
		r.wantRefreshes(1)
	})
}

func TestTimerStopsWithRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t)
		r.pair()
		pass(45 * time.Minute)
		r.stop()
		pass(3 * time.Hour)
		r.wantRefreshes(0)
	})
}

// What ends by the calendar is compared by the calendar: the monotonic clock
// stands still while the machine sleeps. Bubbles have none, so this runs in
// real time.
func TestTokensEndWhileTheMachineSleeps(t *testing.T) {
	r := newRig(t, nil)
	r.pair()
	if _, err := r.keeper.Renew(t.Context(), priya, r.token()); err != nil {
		t.Fatal(err)
	}
	rec := r.keeper.wallet(priya).rec
	for name, at := range map[string]time.Time{"got": rec.Got, "expiry": rec.Expiry, "paired": rec.Paired, "granted": rec.Granted, "now": r.keeper.now()} {
		if strings.Contains(at.String(), "m=") {
			t.Errorf("%s has a monotonic reading", name)
		}
	}
}

// A firm's phones ring while nothing goes: one line a minute, not one a phone.
func TestFailuresAreLoggedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		ids := r.crew(20, time.Now().Add(-day))
		call := func() {
			for _, id := range ids {
				if _, err := r.keeper.Token(t.Context(), id); !errors.Is(err, screenpop.ErrUnavailable) {
					t.Fatal(err)
				}
			}
		}
		r.store.noWrites.Store(true)
		call()
		r.store.noWrites.Store(false)
		pass(time.Minute)
		r.server.set(func(s *authServer) { s.answer = func(string) (int, string) { return 502, "" } })
		call()
		pass(time.Minute)
		call()
		if n := r.logged("cannot save"); n != 1 {
			t.Errorf("%d lines about the store", n)
		}
		if n := r.logged("a token request failed", "status=502"); n != 2 || r.logged("a token request failed", "held_back=19") != 1 {
			t.Errorf("%d lines about the server", n)
		}
	})
}

func TestClockPutBackBlocksNobody(t *testing.T) {
	var b backoff
	now := time.Now()
	for range 8 {
		b.failed(now, errDisk, 0)
	}
	if !errors.Is(b.blocked(now), errDisk) || !errors.Is(b.justFailed(now), errDisk) {
		t.Error("not blocked")
	}
	if back := now.Add(-time.Hour); b.blocked(back) != nil || b.justFailed(back) != nil {
		t.Error("blocked for an hour")
	}
}
