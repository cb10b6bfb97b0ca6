package simulator

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Without returns the scenario with step i lost on the way.
func (s Scenario) Without(i int) Scenario {
	s.Steps = slices.Delete(s.inOrder(), i, i+1)
	return s
}

// Repeated returns the scenario with step i sent twice.
func (s Scenario) Repeated(i int) Scenario {
	steps := s.inOrder()
	s.Steps = slices.Insert(steps, i+1, steps[i])
	return s
}

// Delayed returns the scenario with step i so much later.
func (s Scenario) Delayed(i int, d time.Duration) Scenario {
	s.Steps = s.inOrder()
	s.Steps[i].At += d
	return s
}

// Swapped returns the scenario with steps i and i+1 in each other's place.
func (s Scenario) Swapped(i int) Scenario {
	steps := s.inOrder()
	steps[i].At, steps[i+1].At = steps[i+1].At, steps[i].At
	steps[i], steps[i+1] = steps[i+1], steps[i]
	s.Steps = steps
	return s
}

// Shuffled returns the scenario with its steps in any order at all, at the
// times the steps had.
func (s Scenario) Shuffled(r *rand.Rand) Scenario {
	steps := s.inOrder()
	times := make([]time.Duration, len(steps))
	for i, st := range steps {
		times[i] = st.At
	}
	r.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
	for i := range steps {
		steps[i].At = times[i]
	}
	s.Steps = steps
	return s
}

// Disorder is a network between PBX and smokepop that loses, repeats, delays
// and overtakes. The numbers are chances from 0 to 1 for each event.
type Disorder struct {
	Drop, Repeat, Swap, Delay float64
	DelayBy                   time.Duration // 0 is 2 s
}

// Apply returns the scenario as it arrives through the disorder. What agents
// should see does not change by a repeat; by the other faults it may.
func (d Disorder) Apply(r *rand.Rand, s Scenario) Scenario {
	for i := 0; i < len(s.Steps)-1; i++ {
		if r.Float64() < d.Swap {
			s = s.Swapped(i)
		}
	}
	by := d.DelayBy
	if by == 0 {
		by = 2 * time.Second
	}
	var out []Step
	for _, st := range s.inOrder() {
		if r.Float64() < d.Drop {
			continue
		}
		if r.Float64() < d.Delay {
			st.At += by
		}
		out = append(out, st)
		if r.Float64() < d.Repeat {
			out = append(out, st)
		}
	}
	s.Steps = out
	return s
}
