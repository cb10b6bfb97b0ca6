package simulator

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

// ReplayOptions is how a recording is played.
type ReplayOptions struct {
	// Disorder is between the webhooks and smokepop; Seed decides what it does.
	Disorder Disorder
	Seed     uint64
	// Rushed leaves out the pauses.
	Rushed bool
	// Sight, when given, is told of each moment at which the agents must see
	// something, on Replay's goroutine; an error ends the replay. With a
	// disorder there is only the end to see, loosely.
	Sight func(context.Context, Sight) error
}

// Replay plays a recording and returns an answer per webhook. What smokepop
// answers is in the answers; the error is ctx's or Sight's. Disorder and
// variation touch the webhooks alone: websockets tell what happens when it
// happens.
func (p *PBX) Replay(ctx context.Context, r Recording, o ReplayOptions) ([]Answer, error) {
	truth := r.truth
	if truth == nil {
		truth = r.Steps
	}
	if o.Disorder != (Disorder{}) {
		random := rand.New(rand.NewPCG(o.Seed, 0x7265706c6179))
		r.Sights = slices.Clone(r.Sights)
		r.loosen()
		r.Steps = o.Disorder.Apply(random, Scenario{Steps: r.Steps}).inOrder()
		r.Sights[0].After = len(r.Steps)
		if n := len(r.Steps); n > 0 {
			r.Sights[0].At = max(r.Sights[0].At, r.Steps[n-1].At)
		}
	}
	play := replay{pbx: p, start: p.opts.Now(), truth: truth, rushed: o.Rushed}
	for i := 0; ; i++ {
		for len(r.Sights) > 0 && r.Sights[0].After <= i {
			if err := play.until(ctx, r.Sights[0].At, i == len(r.Steps)); err != nil {
				return play.answers, err
			}
			if o.Sight != nil {
				if err := o.Sight(ctx, r.Sights[0]); err != nil {
					return play.answers, err
				}
			}
			r.Sights = r.Sights[1:]
		}
		if i == len(r.Steps) {
			return play.answers, play.until(ctx, 0, true)
		}
		step := r.Steps[i]
		if err := play.until(ctx, step.At, false); err != nil {
			return play.answers, err
		}
		play.answers = append(play.answers, p.deliver(ctx, step))
	}
}

// replay is one going on.
type replay struct {
	pbx     *PBX
	start   time.Time
	truth   []Step // what has not happened yet
	rushed  bool
	answers []Answer
}

// until waits until a moment comes, and lets happen what does meanwhile; all
// lets everything happen that is left.
func (r *replay) until(ctx context.Context, at time.Duration, all bool) error {
	for len(r.truth) > 0 && (r.truth[0].At <= at || all) {
		if err := r.wait(ctx, r.truth[0].At); err != nil {
			return err
		}
		r.pbx.live.happen(r.truth[0], r.pbx.opts)
		r.truth = r.truth[1:]
	}
	return r.wait(ctx, at)
}

func (r *replay) wait(ctx context.Context, at time.Duration) error {
	if !r.rushed {
		if err := r.pbx.until(ctx, r.start.Add(at)); err != nil {
			return err
		}
	}
	return ctx.Err()
}
