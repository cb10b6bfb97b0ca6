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

// guesses bounds how often one key, such as an address, may guess wrong. Right
// guesses cost nothing: a whole office behind one address can sign in at nine
// o'clock.
type guesses[K comparable] struct {
	now   func() time.Time
	burst int
	every time.Duration

	mu     sync.Mutex
	by     map[K]*guesser
	others *guesser // for keys that no longer fit into by
}

// guesser is one key's account.
type guesser struct {
	*rate.Limiter
	pending int // guesses of which it is not known yet whether they are wrong
}

// newGuesses returns the limit of an address.
func newGuesses(now func() time.Time) *guesses[netip.Prefix] {
	return newGuessesOf[netip.Prefix](now, guessBurst, guessEvery)
}

func newGuessesOf[K comparable](now func() time.Time, burst int, every time.Duration) *guesses[K] {
	g := &guesses[K]{now: now, burst: burst, every: every, by: map[K]*guesser{}}
	g.others = g.newGuesser()
	return g
}

func (g *guesses[K]) newGuesser() *guesser {
	return &guesser{Limiter: rate.NewLimiter(rate.Every(g.every), g.burst)}
}

// wait returns how long a key has to wait before it may try; 0: it may.
func (g *guesses[K]) wait(key K) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	l, known := g.by[key]
	if !known {
		if len(g.by) < guessAddresses {
			return 0
		}
		l = g.others
	}
	return g.missing(l)
}

func (g *guesses[K]) missing(l *guesser) time.Duration {
	if missing := 1 + float64(l.pending) - l.TokensAt(g.now()); missing > 0 {
		return time.Duration(math.Ceil(missing * float64(g.every)))
	}
	return 0
}

// wrong counts a wrong guess. It reserves and does not ask: many guesses at
// once leave a debt that has to be waited off. The debt has an end, so that one
// guesser does not lock an office out for the day.
func (g *guesses[K]) wrong(key K) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count(g.of(key))
}

func (g *guesses[K]) count(l *guesser) {
	if now := g.now(); l.TokensAt(now) > -float64(g.burst) {
		l.ReserveN(now, 1)
	}
}

// of returns the account of a key, a new one where there is room.
func (g *guesses[K]) of(key K) *guesser {
	l, known := g.by[key]
	if known {
		return l
	}
	if len(g.by) >= guessAddresses {
		g.forget(g.now())
	}
	if len(g.by) >= guessAddresses {
		return g.others
	}
	l = g.newGuesser()
	g.by[key] = l
	return l
}

// begin lets a key guess, or returns how long it has to wait. A guess that was
// let in counts as wrong until done is called, so that many at once are not
// more than the limit; done may be called once.
func (g *guesses[K]) begin(key K) (done func(wrong bool), wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.of(key)
	if wait := g.missing(l); wait > 0 {
		return nil, wait
	}
	l.pending++
	return func(wrong bool) {
		g.mu.Lock()
		defer g.mu.Unlock()
		l.pending--
		if wrong {
			g.count(l)
		}
	}, 0
}

// forget drops the keys that have nothing against them any more.
func (g *guesses[K]) forget(now time.Time) {
	for key, l := range g.by {
		if l.pending == 0 && l.TokensAt(now) >= float64(g.burst) {
			delete(g.by, key)
		}
	}
}
