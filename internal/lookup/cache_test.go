package lookup

import (
	"fmt"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// The cache has a bound, whoever calls, and lets go of the oldest first.
func TestCacheIsBounded(t *testing.T) {
	c, now := newCache(), time.Now()
	k := func(i int) key { return key{tenant: "firm.example", number: fmt.Sprint(i)} }
	for i := range maxCached + 100 {
		c.put(k(i), screenpop.Match{}, 0, now, now.Add(time.Minute))
		c.put(k(i), screenpop.Match{More: i}, 0, now, now.Add(time.Minute)) // the same again takes no room
	}
	if len(c.byKey) != maxCached || c.order.Len() != maxCached {
		t.Errorf("%d keys, %d entries", len(c.byKey), c.order.Len())
	}
	if _, _, ok := c.get(k(99), now); ok {
		t.Error("the oldest is still there")
	}
	if m, _, ok := c.get(k(100), now); !ok || m.More != 100 {
		t.Error("one too many was forgotten")
	}
	// what has ended is let go of without being asked for
	if c.get(k(0), now.Add(time.Minute)); len(c.byKey) != 0 || c.order.Len() != 0 {
		t.Errorf("%d kept beyond their time", len(c.byKey))
	}
}

func TestDefaultPlans(t *testing.T) {
	for country, digits := range map[string]int{"US": 4, "CA": 4, "AU": 3, "GB": 3, "NZ": 3} {
		p := DefaultPlan(country)
		if err := p.Check(); err != nil || p[0].Digits != digits {
			t.Errorf("%s: %v, %v", country, p, err)
		}
	}
}
