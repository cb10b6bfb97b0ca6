package tokens

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// raw is the stored record as it lies there.
func (r *rig) raw() []byte {
	r.t.Helper()
	b, _, err := r.vault.Get(r.t.Context(), pathOf(priya))
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

// put lets a keeper start on another stored record.
func (r *rig) put(b []byte) {
	r.t.Helper()
	r.stop()
	if err := r.vault.Put(r.t.Context(), pathOf(priya), b); err != nil {
		r.t.Fatal(err)
	}
	r.start()
}

// A backup brings back a refresh token that has been replaced since: one
// request, the sentence, and quiet.
func TestRestoredRecordEndsAfterOneRequest(t *testing.T) {
	for _, timed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newTimedRig(t)
			r.timer = timed
			r.restart()
			r.server.rotate = true
			r.pair()
			backup := r.raw()
			pass(2 * time.Hour)
			r.token()
			_, before := r.server.counts()
			r.put(backup)
			synctest.Wait()
			for range 3 {
				if _, failures := r.crowd(); failures["not-paired"] != 100 {
					t.Errorf("%v", failures)
				}
				pass(time.Hour)
			}
			r.restart()
			pass(day)
			r.wantRefreshes(before + 1)
			if p := r.wantState(screenpop.Expired); p.Problem != problemEnded {
				t.Errorf("%+v", p)
			}
			r.pair()
			r.wantState(screenpop.Paired)
		})
	}
}

// kill -9 between the server's answer and the write of it: what lies on the
// disk says that a refresh was under way. Without rotation the agent works
// after the restart, with it the agent is told; both without a call, after one
// request, and the log says why.
func TestKilledBetweenAnswerAndWrite(t *testing.T) {
	for _, rotate := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newTimedRig(t)
			r.server.rotate = rotate
			r.pair()
			var atKill []byte
			r.server.set(func(s *authServer) { s.during = func() { atKill = r.raw() } })
			pass(59 * time.Minute)
			synctest.Wait()
			r.wantRefreshes(1)
			r.put(atKill)
			synctest.Wait()
			if r.logged("a refresh was under way when smokepop ended") != 1 {
				t.Error("the log does not tell what has happened")
			}
			r.wantRefreshes(2)
			if !rotate {
				r.wantState(screenpop.Paired)
				r.token()
			} else {
				if p := r.wantState(screenpop.Expired); p.Problem != problemEnded {
					t.Errorf("%+v", p)
				}
				if r.logged("level=WARN", "the answer to an earlier refresh was lost") != 1 {
					t.Error("the log does not tell why")
				}
			}
			_, _ = r.crowd()
			pass(45 * time.Minute)
			r.wantRefreshes(2)
			r.restart()
			synctest.Wait()
			r.wantRefreshes(2)
		})
	}
}

// The same in the middle of a renewal: the token is not due, and the timer
// finds out all the same.
func TestKilledDuringARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t)
		r.server.rotate = true
		r.pair()
		var atKill []byte
		r.server.set(func(s *authServer) { s.during = func() { atKill = r.raw() } })
		if _, err := r.keeper.Renew(t.Context(), priya, r.token()); err != nil {
			t.Fatal(err)
		}
		r.put(atKill)
		synctest.Wait()
		r.wantRefreshes(2)
		r.wantState(screenpop.Expired)
	})
}

// The end of the process is the last chance to save an answer.
func TestEndWithAnAnswerKeptAside(t *testing.T) {
	for name, c := range map[string]struct {
		rotate, full bool
		lines        int
	}{
		"room at last":               {true, false, 0},
		"no room":                    {true, true, 1},
		"no room, and nothing spent": {false, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				r.server.rotate = c.rotate
				r.pair()
				old := r.stored().Refresh
				pass(time.Hour)
				r.server.set(func(s *authServer) {
					s.answer = func(string) (int, string) { r.store.noWrites.Store(true); return 0, "" }
				})
				_, _ = r.crowd()
				r.store.noWrites.Store(c.full)
				r.stop()
				if n := r.logged("level=ERROR", "smokepop ends with an authorisation that could not be saved"); n != c.lines {
					t.Errorf("%d lines, want %d", n, c.lines)
				}
				if saved := r.stored().Refresh != old; saved != (c.rotate && !c.full) {
					t.Errorf("saved: %v", saved)
				}
				r.store.noWrites.Store(false)
			})
		})
	}
}

// An answer without an access token that has a new refresh token in it: the
// one before is dead.
func TestNewRefreshTokenOfAUselessAnswerIsSaved(t *testing.T) {
	for _, full := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, nil)
			r.pair()
			paired := r.stored()
			pass(time.Hour)
			r.server.set(func(s *authServer) {
				s.answer = func(string) (int, string) {
					s.answer = nil
					s.good = map[string]bool{"hush-next": true}
					r.store.noWrites.Store(full)
					return 200, `{"access_token":7,"refresh_token":"hush-next"}`
				}
			})
			if _, failures := r.crowd(); failures["unavailable"] != 100 {
				t.Errorf("%v", failures)
			}
			r.wantRefreshes(1)
			r.store.noWrites.Store(false)
			pass(time.Second)
			r.token()
			r.wantRefreshes(2)
			rec := r.stored()
			if rec.Refresh != "hush-next" || r.server.refreshes[1] != "hush-next" || rec.Access == paired.Access || !rec.Paired.Equal(paired.Paired) {
				t.Errorf("full %v: the new refresh token was lost", full)
			}
		})
	}
}

func TestWarningStandsBesideOtherProblems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		pass(26 * day)
		r.keeper.Refused(priya, "No.")
		if p := r.wantState(screenpop.Attention); p.Problem != "No. "+problemEnding {
			t.Errorf("%q", p.Problem)
		}
		pass(5 * day)
		if p := r.wantState(screenpop.Expired); p.Problem != problemEnded {
			t.Errorf("%q", p.Problem)
		}
	})
}

func TestExpiryMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		want := func(expiring float64, first time.Time) {
			t.Helper()
			all := map[string]float64{"smokepop_token_first_expiry_timestamp_seconds": 0}
			families, err := r.reg.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range families {
				all[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
			}
			var unix float64
			if !first.IsZero() {
				unix = float64(first.Unix())
			}
			if got := all["smokepop_tokens_expiring"]; got != expiring {
				t.Errorf("%v expiring, want %v", got, expiring)
			}
			if got := all["smokepop_token_first_expiry_timestamp_seconds"]; got != unix {
				t.Errorf("the first ends at %v, want %v", got, unix)
			}
		}
		want(0, time.Time{})
		paired := time.Now()
		r.crew(3, paired)
		want(0, paired.Add(30*day))
		pass(25*day - time.Second)
		want(0, paired.Add(30*day))
		pass(time.Second)
		want(3, paired.Add(30*day))
		pass(5 * day)
		want(0, time.Time{})

		// The first of several that end at different times.
		early := time.Now()
		for _, ext := range []screenpop.Extension{"7", "8", "9"} {
			r.pairAs(screenpop.AgentID{Tenant: firm, Extension: ext})
			pass(day)
		}
		want(0, early.Add(30*day))
		pass(23 * day)
		want(2, early.Add(30*day)) // of the second and the first day
	})
}

func (r *rig) pairAs(id screenpop.AgentID) {
	r.t.Helper()
	target, err := r.keeper.Begin(r.t.Context(), id, r.session)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, _, err := r.keeper.Finish(r.t.Context(), r.session, r.server.agree(r.t, target)); err != nil {
		r.t.Fatal(err)
	}
}

// Screens hear of an unpairing at once, also while Smokeball is slow to
// revoke.
func TestUnpairIsAnnouncedBeforeSmokeballAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		r.server.set(func(s *authServer) { s.slowRevoke = time.Hour })
		done := make(chan bool)
		go func() { revoked, _ := r.keeper.Unpair(t.Context(), priya); done <- revoked }()
		synctest.Wait()
		r.wantState(screenpop.Unpaired)
		r.wantNothingStored()
		if got := r.bell.states(); len(got) != 2 || got[1] != screenpop.Unpaired {
			t.Errorf("announced %v", got)
		}
		if _, err := r.keeper.Token(t.Context(), priya); !errors.Is(err, screenpop.ErrNotPaired) {
			t.Error(err)
		}
		begun := time.Now()
		if <-done {
			t.Error("revoked, without an answer")
		}
		if d := time.Since(begun); d != revokeTimeout {
			t.Errorf("waited %v for it", d)
		}
	})
}
