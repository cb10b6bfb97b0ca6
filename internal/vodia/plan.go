package vodia

import (
	"context"
)

// Wanted says which webhooks of smokepop's a PBX should have.
type Wanted struct {
	Template Template
	Levels   []Level // these have them
	Without  []Level // these have none
	// ReplaceForeign takes the place of somebody else's webhooks.
	ReplaceForeign bool
	// Rewrite also writes what looks the same: a password reads as asterisks, so
	// that one that has changed cannot be seen.
	Rewrite bool
}

// Change is a webhook that becomes another one; the zero Hook is none.
type Change struct {
	Level         Level
	Setting       string
	Before, After Hook
	Foreign       bool // Before is somebody else's
}

// Plan is what has to be done so that a PBX has the webhooks that are wanted.
type Plan struct {
	Changes []Change // in the order they are made
	// Kept are webhooks of others where ours should be. The whole level is left
	// as it is: some of the three events without the others make no pops.
	Kept     []Change
	Same     int // webhooks that are as they should be
	template Template
}

// Plan reads the webhooks of every level and tells what has to be done. It
// writes nothing. Webhooks for other events are never touched.
func (c *Client) Plan(ctx context.Context, w Wanted) (Plan, error) {
	p := Plan{template: w.Template}
	for _, level := range w.Levels {
		there, err := c.Hooks(ctx, level)
		if err != nil {
			return Plan{}, err
		}
		p.install(w, level, there)
	}
	for _, level := range w.Without {
		there, err := c.Hooks(ctx, level)
		if err != nil {
			return Plan{}, err
		}
		for _, e := range Events() {
			if now := there[e.Setting]; now.Set() && w.Template.Mine(now) {
				p.Changes = append(p.Changes, Change{Level: level, Setting: e.Setting, Before: now})
			}
		}
	}
	return p, nil
}

func (p *Plan) install(w Wanted, level Level, there map[string]Hook) {
	want := w.Template.Hooks(level)
	var changes, foreign []Change
	same := 0
	for _, e := range Events() {
		before, after := there[e.Setting], want[e.Setting]
		ch := Change{Level: level, Setting: e.Setting, Before: before, After: after}
		switch {
		case before.Set() && !w.Template.Mine(before):
			ch.Foreign = true
			if !w.ReplaceForeign {
				foreign = append(foreign, ch)
				continue
			}
		case after.Same(before) && !w.Rewrite:
			same++
			continue
		default:
			ch.After.Raw = before.Raw // fields that are not known here stay
		}
		changes = append(changes, ch)
	}
	p.Same += same
	if len(foreign) > 0 {
		p.Kept = append(p.Kept, foreign...)
		return
	}
	p.Changes = append(p.Changes, changes...)
}
