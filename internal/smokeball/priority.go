package smokeball

import (
	"context"
	"time"
)

// Priority orders requests that wait for the budget. The zero Priority is the
// highest class with the oldest ring.
type Priority struct {
	Class Class
	// Since is when the phone began to ring: within a class the newest comes
	// first, for a fresh ring is more likely to be looked at than one that has
	// waited in vain so long.
	Since time.Time
}

// Class is what a request is for. A lower class goes first.
type Class uint8

// The classes, first to last.
const (
	RingingInbound Class = iota
	RingingOutbound
	ConnectedInbound
	ConnectedOutbound
	Background // matters, checks after pairing: nobody's phone waits for it
)

func (p Priority) before(q Priority) bool {
	if p.Class != q.Class {
		return p.Class < q.Class
	}
	return p.Since.After(q.Since)
}

type priorityKey struct{}

// WithPriority says how urgent the requests made with the returned context
// are. Without it they are Background.
func WithPriority(ctx context.Context, p Priority) context.Context {
	return context.WithValue(ctx, priorityKey{}, p)
}

func priorityOf(ctx context.Context) Priority {
	if p, ok := ctx.Value(priorityKey{}).(Priority); ok {
		return p
	}
	return Priority{Class: Background}
}
