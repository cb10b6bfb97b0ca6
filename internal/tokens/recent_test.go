package tokens

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

func TestRecentTellsOfUseAndOfTheLastFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		if got := r.keeper.Recent(priya); got != (Recent{}) {
			t.Errorf("of nobody: %+v", got)
		}
		r.pair()
		if got := r.keeper.Recent(priya); got != (Recent{}) {
			t.Errorf("before any use: %+v", got)
		}
		pass(time.Second)
		used := time.Now()
		r.keeper.Accepted(priya)
		pass(time.Second)
		refused := time.Now()
		r.keeper.Refused(priya, "Check the API key.")
		if got := r.keeper.Recent(priya); !got.Used.Equal(used) || !got.Failed.Equal(refused) || got.Problem != "Check the API key." {
			t.Errorf("%+v", got)
		}

		// A refresh that comes to nothing is a failure, too, and one that works is none.
		r.server.set(func(s *authServer) { s.answer = func(string) (int, string) { return 503, "" } })
		pass(time.Hour)
		if _, err := r.keeper.Token(t.Context(), priya); err == nil {
			t.Fatal("there is a token")
		}
		away := time.Now()
		if got := r.keeper.Recent(priya); !got.Failed.After(refused) || got.Failed.After(away) || got.Problem != problemAway {
			t.Errorf("%+v", got)
		}
		r.server.set(func(s *authServer) { s.answer = nil })
		pass(time.Hour)
		r.token()
		if got := r.keeper.Recent(priya); got.Problem != problemAway {
			t.Errorf("%+v", got)
		}

		// It outlives the pairing: that is when somebody asks.
		if _, err := r.keeper.Unpair(t.Context(), priya); err != nil {
			t.Fatal(err)
		}
		r.wantState(screenpop.Unpaired)
		if got := r.keeper.Recent(priya); !got.Used.Equal(used) || got.Problem != problemAway {
			t.Errorf("after the pairing: %+v", got)
		}
	})
}
