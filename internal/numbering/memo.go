package numbering

import (
	"hash/maphash"
	"strings"
	"sync/atomic"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// memo remembers what was read lately. A call sends its number again with each
// state and for each phone it rings, and reading one takes the number plan
// some hundred allocations.
//
// It is a table of fixed size in which a newer reading takes the slot of an
// older one, which moves next door: no lock, no list, nothing to grow. Long
// parties are not remembered, so that it cannot be made to hold much.
type memo struct {
	seed  maphash.Seed
	slots [memoSlots]atomic.Pointer[reading]
}

const (
	memoSlots = 1 << 12 // as many as the answers that are remembered
	memoBytes = 96      // longest party remembered
)

type reading struct {
	party  string
	number screenpop.Number
}

func newMemo() *memo { return &memo{seed: maphash.MakeSeed()} }

func (m *memo) number(party string, read func(string) screenpop.Number) screenpop.Number {
	if len(party) > memoBytes {
		return read(party)
	}
	i := maphash.String(m.seed, party) % memoSlots
	slot, next := &m.slots[i], &m.slots[i^1]
	was := slot.Load()
	for _, r := range [...]*reading{was, next.Load()} {
		if r != nil && r.party == party {
			return r.number
		}
	}
	party = strings.Clone(party) // not to hold on to the request it was cut from
	n := read(party)
	if was != nil {
		next.Store(was)
	}
	slot.Store(&reading{party, n})
	return n
}
