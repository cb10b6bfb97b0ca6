package tokens

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

func TestNothingIsRefreshedWhileTheStoreCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		token := r.token()
		r.store.noWrites.Store(true)
		pass(time.Hour - 30*time.Second)
		if r.token() != token { // it is good for half a minute yet
			t.Error("another token")
		}
		pass(30 * time.Second)
		for range 3 {
			if _, failures := r.crowd(); failures["unavailable"] != 100 {
				t.Errorf("%v", failures)
			}
			pass(time.Second)
		}
		r.wantRefreshes(0)
		r.wantState(screenpop.Paired)
		r.store.noWrites.Store(false)
		pass(time.Minute)
		r.token()
		r.wantRefreshes(1)
	})
}

// The disk fills up between the question and the answer: the new tokens are
// handed out only once they are saved, and Smokeball is not asked again.
func TestRotatedTokenIsSavedBeforeItIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.server.rotate = true
		r.pair()
		old := r.stored()
		pass(time.Hour)
		r.server.set(func(s *authServer) {
			s.answer = func(string) (int, string) { r.store.noWrites.Store(true); return 0, "" }
		})
		if tokens, failures := r.crowd(); len(tokens) != 0 || failures["unavailable"] != 100 {
			t.Errorf("%d tokens handed out unsaved, %v", len(tokens), failures)
		}
		if r.stored().Refresh != old.Refresh {
			t.Error("saved after all")
		}
		r.server.set(func(s *authServer) { s.answer = nil })
		pass(time.Second)
		_, _ = r.keeper.Token(t.Context(), priya)
		r.store.noWrites.Store(false)
		pass(time.Minute)
		token := r.token()
		if rec := r.stored(); rec.Access != token || rec.Refresh == old.Refresh {
			t.Error("the answer that was kept aside is not what was saved")
		}
		r.wantRefreshes(1)
		pass(time.Hour)
		r.token()
		r.wantRefreshes(2)
	})
}

func TestAnswerKeptAsideForTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.server.rotate = true
		r.pair()
		pass(time.Hour)
		r.server.set(func(s *authServer) {
			s.answer = func(string) (int, string) { r.store.noWrites.Store(true); s.answer = nil; return 0, "" }
		})
		_, _ = r.crowd()
		pass(2 * time.Hour)
		r.store.noWrites.Store(false)
		r.token() // saves the answer, whose token has ended, and goes on from it
		r.wantRefreshes(2)
		if sent := r.server.refreshes[1]; sent == r.server.refreshes[0] {
			t.Error("the spent refresh token was sent again")
		}
	})
}

func TestUnpairRevokesTheAnswerKeptAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.server.rotate = true
		r.pair()
		pass(time.Hour)
		r.server.set(func(s *authServer) {
			s.answer = func(string) (int, string) { r.store.noWrites.Store(true); s.answer = nil; return 0, "" }
		})
		_, _ = r.crowd()
		if revoked, err := r.keeper.Unpair(t.Context(), priya); !revoked || err != nil || len(r.server.good) != 0 {
			t.Errorf("%v %v, %d grants are good", revoked, err, len(r.server.good))
		}
	})
}

// A write that reports an error may have arrived: the next one finds its own
// record there, not somebody else's.
func TestWriteThatArrivedAfterAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		pass(time.Hour)
		r.store.lateWrites.Store(true)
		if _, err := r.keeper.Token(t.Context(), priya); !errors.Is(err, screenpop.ErrUnavailable) {
			t.Error(err)
		}
		r.store.lateWrites.Store(false)
		pass(time.Second)
		r.token()
		r.wantRefreshes(1)
	})
}

func TestEndIsShownEvenIfItCannotBeSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		pass(time.Hour)
		r.server.set(func(s *authServer) {
			clear(s.good)
			s.answer = func(string) (int, string) { r.store.noWrites.Store(true); return 0, "" }
		})
		for range 3 {
			if _, err := r.keeper.Token(t.Context(), priya); !errors.Is(err, screenpop.ErrNotPaired) {
				t.Error(err)
			}
			pass(time.Minute)
		}
		r.wantState(screenpop.Expired)
		r.wantRefreshes(1)
		// A new daemon asks once and knows.
		r.store.noWrites.Store(false)
		r.server.set(func(s *authServer) { s.answer = nil })
		r.restart()
		r.wantState(screenpop.Paired)
		_, _ = r.crowd()
		_, _ = r.crowd()
		r.wantState(screenpop.Expired)
		r.wantRefreshes(2)
	})
}

func TestUnreadableRecordMeansPairingAgain(t *testing.T) {
	for name, spoil := range map[string]func(*testing.T, *rig){
		"not JSON": func(t *testing.T, r *rig) {
			if err := r.vault.Put(t.Context(), pathOf(priya), []byte("hush-rubbish")); err != nil {
				t.Fatal(err)
			}
		},
		"newer version": func(t *testing.T, r *rig) {
			if err := r.vault.Put(t.Context(), pathOf(priya), []byte(`{"version":2,"refresh":"hush-x"}`)); err != nil {
				t.Fatal(err)
			}
		},
		"no dates": func(t *testing.T, r *rig) {
			if err := r.vault.Put(t.Context(), pathOf(priya), []byte(`{"version":1,"refresh":"hush-x"}`)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				r.pair()
				spoil(t, r)
				r.restart()
				if p := r.wantState(screenpop.Expired); p.Problem != problemUnread {
					t.Errorf("%+v", p)
				}
				if _, err := r.keeper.Token(t.Context(), priya); !errors.Is(err, screenpop.ErrNotPaired) {
					t.Error(err)
				}
				r.restart() // it was not touched
				r.wantState(screenpop.Expired)
				r.pair()
				r.restart()
				r.wantState(screenpop.Paired)
				r.token()

				spoil(t, r)
				r.restart()
				if _, err := r.keeper.Unpair(t.Context(), priya); err != nil {
					t.Error(err)
				}
				r.wantState(screenpop.Unpaired)
				r.wantNothingStored()
			})
		})
	}
}

func TestRecordsOfOtherTenantsAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.pair()
		strays := []string{"tokens/gone.example/101", "tokens/%zz/1", "tokens/firm.example/a/b"}
		for _, path := range strays {
			if err := r.vault.Put(t.Context(), path, []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		r.restart()
		r.wantState(screenpop.Paired)
		gone := screenpop.AgentID{Tenant: "gone.example", Extension: "101"}
		if p := r.keeper.Pairing(gone); p.State != screenpop.Unpaired {
			t.Errorf("%+v", p)
		}
		if _, err := r.keeper.Unpair(t.Context(), gone); err != nil {
			t.Error(err)
		}
		if paths, _ := r.vault.List(t.Context(), ""); len(paths) != len(strays)+1 {
			t.Errorf("left: %q", paths)
		}
	})
}

func TestRecordPaths(t *testing.T) {
	for _, id := range []screenpop.AgentID{priya, {Tenant: "a.b", Extension: "1/../2"}, {Tenant: "a", Extension: "ä %"}, {Tenant: "a", Extension: "."}} {
		path := pathOf(id)
		if back, ok := agentOf(path); !ok || back != id || strings.Count(path, "/") != 2 {
			t.Errorf("%v: %s, %v", id, path, back)
		}
	}
}

// The stored form must go on being readable.
func TestRecordForm(t *testing.T) {
	yes := true
	at := func(h int) time.Time { return time.Date(2026, 11, 23, h, 0, 0, 0, time.UTC) }
	rec := record{1, "refresh", "access", at(9), at(10), at(1), at(2), time.Time{}, at(3), "", "Priya Shah", "user-1", &yes, "p@firm.example", true}
	b, err := rec.encode()
	const want = `{"version":1,"refresh":"refresh","access":"access","got":"2026-11-23T09:00:00Z","expiry":"2026-11-23T10:00:00Z",` +
		`"paired_at":"2026-11-23T01:00:00Z","granted_at":"2026-11-23T02:00:00Z","asked_at":"2026-11-23T03:00:00Z",` +
		`"account":"Priya Shah","user_id":"user-1","email_matches":true,"checked_email":"p@firm.example","account_known":true}`
	if err != nil || string(b) != want {
		t.Errorf("%s %v", b, err)
	}
	back, err := decodeRecord(b)
	if err != nil || fmt.Sprint(*back.EmailMatches) != "true" {
		t.Fatal(err)
	}
	back.EmailMatches = rec.EmailMatches
	if *back != rec {
		t.Errorf("%+v\n%+v", *back, rec)
	}
	if s := fmt.Sprintf("%v %+v %#v", rec, rec, rec); strings.Contains(s, `"refresh"`) || strings.Contains(s, `:"access"`) || strings.Contains(s, " access ") {
		t.Errorf("printed: %s", s)
	}
}
