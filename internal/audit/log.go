package audit

import (
	"context"
	"log/slog"
	"time"
)

// Log is a [Recorder] that hands each line to a handler of slog, at level info
// and whatever level the handler is set to: an audit line is not a matter of how
// much somebody wants to read.
type Log struct {
	to  slog.Handler
	now func() time.Time
}

// NewLog returns a Log; now nil is the clock.
func NewLog(to slog.Handler, now func() time.Time) *Log {
	if now == nil {
		now = time.Now
	}
	return &Log{to, now}
}

// Record implements [Recorder].
func (l *Log) Record(ctx context.Context, e Entry) {
	// A request that was given up has happened all the same.
	_ = l.to.Handle(context.WithoutCancel(ctx), e.record(l.now()))
}
