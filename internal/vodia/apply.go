package vodia

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// undoTimeout bounds the way back after a failure.
const undoTimeout = time.Minute

// ApplyError tells that a plan failed, and what state the PBX is in.
type ApplyError struct {
	Err error
	// Left are levels that could not be put back, or of which that is not known.
	Left []Level
	// Passwords are levels where a webhook of somebody else's was put back
	// without its password, which a PBX does not tell.
	Passwords []Level
}

// Unwrap leads to what failed.
func (e *ApplyError) Unwrap() error { return e.Err }

func (e *ApplyError) Error() string {
	var b strings.Builder
	b.WriteString(e.Err.Error())
	if len(e.Left) == 0 {
		b.WriteString("; nothing is half-installed: the PBX's webhooks are as they were before")
	} else {
		fmt.Fprintf(&b, "; what was written could not be undone at %s: look at these on the PBX, or run this again when it answers", levelNames(e.Left))
	}
	if len(e.Passwords) > 0 {
		fmt.Fprintf(&b, "; enter the password of the others' webhooks anew at %s, it could not be read", levelNames(e.Passwords))
	}
	return b.String()
}

func levelNames(levels []Level) string {
	names := make([]string, len(levels))
	for i, l := range levels {
		names[i] = l.String()
	}
	return strings.Join(names, ", ")
}

// Apply makes the changes of a plan, level by level. When one fails, or ctx
// ends, those made before are undone, and the error is an *ApplyError. done, if
// set, is told of every level that is finished.
func (c *Client) Apply(ctx context.Context, p Plan, done func(Level)) error {
	levels := byLevel(p.Changes)
	for i, changes := range levels {
		want := map[string]Hook{}
		for _, ch := range changes {
			want[ch.Setting] = ch.After
		}
		// Only what was read when the plan was made is overwritten.
		err := c.SetHooks(ctx, changes[0].Level, want, func(name string, there Hook) bool {
			return p.template.Mine(there) || before(changes, name).Same(there)
		})
		if err != nil {
			return c.undo(ctx, p.template, levels[:i+1], err)
		}
		if done != nil {
			done(changes[0].Level)
		}
	}
	return nil
}

// undo puts levels back, the last one first: that is the one that failed, of
// which it is not known whether it was written.
func (c *Client) undo(ctx context.Context, t Template, levels [][]Change, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	failed := &ApplyError{Err: cause}
	for i := len(levels) - 1; i >= 0; i-- {
		level := levels[i][0].Level
		there, err := c.Hooks(ctx, level)
		if err != nil {
			failed.Left = append(failed.Left, level)
			continue
		}
		want, lost := map[string]Hook{}, false
		for _, ch := range levels[i] {
			now := there[ch.Setting]
			if now.Set() == ch.Before.Set() && (!now.Set() || now.Same(ch.Before)) {
				continue
			}
			if !t.Mine(now) && now.Set() {
				continue // somebody else has written it meanwhile
			}
			want[ch.Setting] = ch.Before
			if masked(ch.Before.Password) {
				back := ch.Before
				// The asterisks would stand for the password that is there now, and
				// that one is ours.
				back.Password = screenpop.Secret("")
				if ch.Foreign {
					lost = true
				} else {
					back.Password = t.Password
				}
				want[ch.Setting] = back
			}
		}
		if len(want) == 0 {
			continue
		}
		if err := c.SetHooks(ctx, level, want, func(_ string, there Hook) bool { return t.Mine(there) }); err != nil {
			failed.Left = append(failed.Left, level)
			continue
		}
		if lost {
			failed.Passwords = append(failed.Passwords, level)
		}
	}
	return failed
}

// byLevel puts the changes of a level together; they follow each other.
func byLevel(changes []Change) [][]Change {
	var out [][]Change
	for i, ch := range changes {
		if i == 0 || changes[i-1].Level != ch.Level {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], ch)
	}
	return out
}

func before(changes []Change, setting string) Hook {
	for _, ch := range changes {
		if ch.Setting == setting {
			return ch.Before
		}
	}
	return Hook{}
}
