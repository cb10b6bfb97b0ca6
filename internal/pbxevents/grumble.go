package pbxevents

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// grumble logs refused requests: an admin who sets a PBX up has to see them,
// and a stranger must not fill the disk with them.
type grumble struct {
	now   func() time.Time
	limit *rate.Limiter

	mu   sync.Mutex
	held int
}

func newGrumble(now func() time.Time) *grumble {
	return &grumble{now: now, limit: rate.NewLimiter(1, 20)}
}

func (g *grumble) log(ctx context.Context, to *slog.Logger, attrs ...slog.Attr) {
	g.mu.Lock()
	if !g.limit.AllowN(g.now(), 1) {
		g.held++
		g.mu.Unlock()
		return
	}
	held := g.held
	g.held = 0
	g.mu.Unlock()
	if held > 0 {
		attrs = append(attrs, slog.Int("held_back", held))
	}
	to.LogAttrs(ctx, slog.LevelWarn, "webhook refused", attrs...)
}
