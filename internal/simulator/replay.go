package simulator

import (
	"context"
	"math/rand/v2"
)

// ReplayOptions is how a recording is played.
type ReplayOptions struct {
	// Disorder is between the PBX and smokepop; Seed decides what it does.
	Disorder Disorder
	Seed     uint64
	// Rushed leaves out the pauses.
	Rushed bool
	// Sight, when given, is told of each moment at which the agents must see
	// something, on Replay's goroutine; an error ends the replay. With a
	// disorder there is only the end to see, loosely.
	Sight func(context.Context, Sight) error
}

// Replay plays a recording and returns an answer per step that was sent as a
// webhook. What smokepop answers is in the answers; the error is ctx's or
// Sight's.
func (p *PBX) Replay(ctx context.Context, r Recording, o ReplayOptions) ([]Answer, error) {
	if o.Disorder != (Disorder{}) {
		random := rand.New(rand.NewPCG(o.Seed, 0x7265706c6179))
		r.loosen()
		r.Steps = o.Disorder.Apply(random, Scenario{Steps: r.Steps}).inOrder()
		r.Sights[0].After = len(r.Steps)
		if n := len(r.Steps); n > 0 {
			r.Sights[0].At = max(r.Sights[0].At, r.Steps[n-1].At)
		}
	}
	start := p.opts.Now()
	var out []Answer
	sights := r.Sights
	for i := 0; ; i++ {
		for len(sights) > 0 && sights[0].After <= i {
			if !o.Rushed {
				if err := p.until(ctx, start.Add(sights[0].At)); err != nil {
					return out, err
				}
			}
			if o.Sight != nil {
				if err := o.Sight(ctx, sights[0]); err != nil {
					return out, err
				}
			}
			sights = sights[1:]
		}
		if i == len(r.Steps) {
			return out, ctx.Err()
		}
		if !o.Rushed {
			if err := p.until(ctx, start.Add(r.Steps[i].At)); err != nil {
				return out, err
			}
		}
		if err := ctx.Err(); err != nil {
			return out, err
		}
		out = append(out, p.Send(ctx, r.Steps[i]))
	}
}
