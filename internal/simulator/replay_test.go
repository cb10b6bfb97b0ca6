package simulator_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	. "github.com/smokepop/smokepop/internal/simulator"
)

func TestReplayKeepsTimeAndTellsWhatToSee(t *testing.T) {
	x := newExchange(t, nil)
	r := recording(t, "ring-group-first-answer")
	began := x.Now()
	var at []time.Duration
	var heard []int
	_, err := x.Replay(t.Context(), r, ReplayOptions{Sight: func(_ context.Context, s Sight) error {
		at = append(at, x.Now().Sub(began))
		heard = append(heard, len(x.all()))
		return nil
	}})
	// The tenant has no webhook set: its two steps go nowhere.
	if err != nil || !slices.Equal(heard, []int{3, 4, 6, 7}) || at[0] != 60*time.Millisecond || at[3] != 30*time.Second {
		t.Errorf("%v %v %v", err, at, heard)
	}
	stop := errors.New("stop")
	if _, err := x.Replay(t.Context(), r, ReplayOptions{Rushed: true, Sight: func(context.Context, Sight) error { return stop }}); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
}

func TestReplayThroughDisorder(t *testing.T) {
	r := recording(t, "ring-group-first-answer")
	play := func(seed uint64, d Disorder) (bodies []string, sights []Sight) {
		x := newExchange(t, nil)
		answers, err := x.Replay(t.Context(), r, ReplayOptions{Disorder: d, Seed: seed, Sight: func(_ context.Context, s Sight) error {
			sights = append(sights, s)
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range answers {
			bodies = append(bodies, a.Step.ID)
		}
		return bodies, sights
	}
	messy := Disorder{Drop: .2, Repeat: .3, Swap: .3, Delay: .3}
	one, sights := play(1, messy)
	again, _ := play(1, messy)
	other, _ := play(2, messy)
	if !slices.Equal(one, again) || slices.Equal(one, other) {
		t.Errorf("the seed does not decide: %v, %v, %v", one, again, other)
	}
	if len(sights) != 1 || !sights[0].Loose || len(sights[0].Views["101"].Pops) != 0 {
		t.Errorf("%+v", sights)
	}
	if none, _ := play(1, Disorder{Drop: 1}); len(none) != 0 {
		t.Errorf("%v arrived", none)
	}
	if twice, _ := play(1, Disorder{Repeat: 1}); len(twice) != 2*len(r.Steps) {
		t.Errorf("%d of %d", len(twice), 2*len(r.Steps))
	}
}

// A lost webhook is one that never arrives; what it would tell has happened.
func TestALostWebhookIsNotSent(t *testing.T) {
	x := newExchange(t, nil)
	answers, err := x.Replay(t.Context(), recording(t, "missing-ringing"), ReplayOptions{Sight: func(_ context.Context, s Sight) error {
		if s.After == 2 && !slices.Equal(x.LiveForTest(), []string{"104 connected"}) {
			t.Errorf("%v", x.LiveForTest())
		}
		return nil
	}})
	if err != nil || len(answers) != 3 || answers[0].Sent || !answers[1].Sent || len(x.all()) != 2 {
		t.Errorf("%v, %+v, %d heard", err, answers, len(x.all()))
	}
}
