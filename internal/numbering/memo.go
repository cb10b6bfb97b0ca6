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
// It is a table of fixed size: a party has some places, in which a newer reading
// pushes out the oldest. No lock, no list, nothing to grow; what two goroutines
// push at once may be lost, and is read again. Long parties are not remembered,
// so that it cannot be made to hold much.
type memo struct {
	seed  maphash.Seed
	slots [memoSlots]atomic.Pointer[reading]
}

const (
	memoSlots = 1 << 12 // as many as the answers that are remembered
	memoWays  = 8       // the places of a party: with fewer some go missing long before the table is full
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
	set := m.slots[maphash.String(m.seed, party)%memoSlots/memoWays*memoWays:][:memoWays]
	free := len(set) - 1
	for i := range set {
		r := set[i].Load()
		if r == nil {
			free = i
			break
		}
		if r.party == party {
			return r.number
		}
	}
	party = strings.Clone(party) // not to hold on to the request it was cut from
	n := read(party)
	for ; free > 0; free-- {
		set[free].Store(set[free-1].Load())
	}
	set[0].Store(&reading{party, n})
	return n
}
