package simulator

import (
	"cmp"
	"slices"
	"time"
)

// Variation is how a recording's steps arrive otherwise than they were sent.
type Variation int

// The variations.
const (
	// Repeats sends steps again, at once or later. Every sight still holds.
	Repeats Variation = iota
	// Interleaves mixes the legs with each other and keeps the order of each:
	// the webhooks of one account come in order, and nothing is promised
	// between accounts. Only the end holds, loosely.
	Interleaves
	// Shuffles brings the steps into any order at all. Only the end holds,
	// loosely.
	Shuffles
	// ShufflesAndRepeats is both.
	ShufflesAndRepeats
)

// Variations lists every variation.
func Variations() []Variation {
	return []Variation{Repeats, Interleaves, Shuffles, ShufflesAndRepeats}
}

// Vary returns the recording as it may arrive, and with it what still must be
// seen. choose(n) picks one of 0 to n-1: rand.IntN, or a draw of rapid's. The
// same choices make the same variant.
func (r Recording) Vary(v Variation, choose func(n int) int) Recording {
	if r.truth == nil {
		r.truth = r.Steps
	}
	r.Steps, r.Sights = slices.Clone(r.Steps), slices.Clone(r.Sights)
	switch v {
	case Interleaves:
		r.interleave(choose)
	case Shuffles, ShufflesAndRepeats:
		for i := len(r.Steps) - 1; i > 0; i-- {
			r.swap(i, choose(i+1))
		}
	}
	if v != Repeats {
		r.loosen()
	}
	if v == Repeats || v == ShufflesAndRepeats {
		r.repeat(choose)
	}
	return r
}

// swap exchanges two steps; the times stay where they are.
func (r *Recording) swap(i, j int) {
	a, b := r.Steps[i], r.Steps[j]
	a.At, b.At = b.At, a.At
	r.Steps[i], r.Steps[j] = b, a
}

// interleave takes the next step of any leg, time after time.
func (r *Recording) interleave(choose func(n int) int) {
	type key struct{ call, extension string }
	var order []key
	legs := map[key][]Step{}
	var times []time.Duration
	for _, s := range r.Steps {
		k := key{s.CallID, s.Extension}
		if _, ok := legs[k]; !ok {
			order = append(order, k)
		}
		legs[k] = append(legs[k], s)
		times = append(times, s.At)
	}
	r.Steps = r.Steps[:0]
	for len(order) > 0 {
		i := choose(len(order))
		k := order[i]
		s := legs[k][0]
		s.At = times[len(r.Steps)]
		r.Steps = append(r.Steps, s)
		if legs[k] = legs[k][1:]; len(legs[k]) == 0 {
			order = slices.Delete(order, i, i+1)
		}
	}
}

// repeat sends up to as many steps again as there are. A repetition keeps its
// event id, as a sender's second attempt does.
func (r *Recording) repeat(choose func(n int) int) {
	for range choose(len(r.Steps) + 1) {
		from := choose(len(r.Steps))
		to := from + 1 + choose(len(r.Steps)-from)
		again := r.Steps[from]
		again.At = r.Steps[to-1].At
		r.Steps = slices.Insert(r.Steps, to, again)
		for i := range r.Sights {
			if s := &r.Sights[i]; s.After >= to {
				s.After++
			}
		}
	}
}

// loosen leaves the end alone of what must be seen. Its recent calls become
// all that could be there: the calls that have a leg at the agent's extension.
func (r *Recording) loosen() {
	end := Sight{At: r.End().At, After: len(r.Steps), Views: map[string]View{}, Loose: true}
	for ext := range r.End().Views {
		end.Views[ext] = View{}
	}
	for _, card := range r.cards {
		for ext := range end.Views {
			leg := func(s Step) bool { return s.Extension == ext && cmp.Or(s.Primary, s.CallID) == card.Call }
			if slices.ContainsFunc(r.Steps, leg) {
				end.Views[ext] = View{Recent: append(end.Views[ext].Recent, Ended{Card: card})}
			}
		}
	}
	r.Sights = []Sight{end}
}
