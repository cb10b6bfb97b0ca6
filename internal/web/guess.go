package web

import (
	"math"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	guessBurst     = 10
	guessEvery     = 6 * time.Second // one more guess every so often
	guessAddresses = 4096
)

// guesses bounds how often one address may present a wrong invite. Right ones
// cost nothing: a whole office behind one address can sign in at nine o'clock.
type guesses struct {
	now func() time.Time

	mu     sync.Mutex
	by     map[netip.Prefix]*rate.Limiter
	others *rate.Limiter // for addresses that no longer fit into by
}

func newGuesses(now func() time.Time) *guesses {
	return &guesses{now: now, by: map[netip.Prefix]*rate.Limiter{}, others: newGuessLimiter()}
}

func newGuessLimiter() *rate.Limiter { return rate.NewLimiter(rate.Every(guessEvery), guessBurst) }

// wait returns how long an address has to wait before it may try; 0: it may.
func (g *guesses) wait(from netip.Prefix) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	l, known := g.by[from]
	if !known {
		if len(g.by) < guessAddresses {
			return 0
		}
		l = g.others
	}
	if missing := 1 - l.TokensAt(g.now()); missing > 0 {
		return time.Duration(math.Ceil(missing * float64(guessEvery)))
	}
	return 0
}

// wrong counts a wrong guess. It reserves and does not ask: many guesses at
// once leave a debt that has to be waited off. The debt has an end, so that one
// guesser does not lock an office out for the day.
func (g *guesses) wrong(from netip.Prefix) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	l, known := g.by[from]
	if !known {
		if len(g.by) >= guessAddresses {
			g.forget(now)
		}
		if l = g.others; len(g.by) < guessAddresses {
			l = newGuessLimiter()
			g.by[from] = l
		}
	}
	if l.TokensAt(now) > -guessBurst {
		l.ReserveN(now, 1)
	}
}

// forget drops the addresses that have nothing against them any more.
func (g *guesses) forget(now time.Time) {
	for from, l := range g.by {
		if l.TokensAt(now) >= guessBurst {
			delete(g.by, from)
		}
	}
}
