package lookup

import (
	"container/list"
	"sync"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// maxCached bounds the answers kept, over all tenants.
const maxCached = 4096

// key is what a search and its answer are shared by. Agent is set only where
// a tenant keeps its agents apart.
type key struct {
	tenant screenpop.Tenant
	agent  screenpop.Extension
	number string
}

// cache keeps answers in memory, "no match" among them. It forgets the oldest
// when it is full.
type cache struct {
	mu    sync.Mutex
	byKey map[key]*list.Element
	order *list.List // of *cached, the oldest in front
	epoch map[screenpop.Tenant]int
}

type cached struct {
	key    key
	match  screenpop.Match // no contacts: nobody has the number
	stored time.Time
	until  time.Time
}

func newCache() *cache {
	return &cache{byKey: make(map[key]*list.Element), order: list.New(), epoch: make(map[screenpop.Tenant]int)}
}

func (c *cache) get(k key, now time.Time) (screenpop.Match, time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep(now)
	e := c.byKey[k]
	if e == nil {
		return screenpop.Match{}, 0, false
	}
	entry := e.Value.(*cached)
	if !now.Before(entry.until) {
		c.remove(e)
		return screenpop.Match{}, 0, false
	}
	return entry.match, now.Sub(entry.stored), true
}

// of returns the tenant's epoch; what was asked before a forget is not put.
func (c *cache) of(t screenpop.Tenant) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch[t]
}

func (c *cache) put(k key, m screenpop.Match, epoch int, now, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !now.Before(until) || c.epoch[k.tenant] != epoch {
		return
	}
	if e := c.byKey[k]; e != nil {
		c.remove(e)
	}
	c.sweep(now)
	for c.order.Len() >= maxCached {
		c.remove(c.order.Front())
	}
	c.byKey[k] = c.order.PushBack(&cached{k, m, now, until})
}

// sweep lets go of answers whose time is up, from the oldest on as far as it
// goes.
func (c *cache) sweep(now time.Time) {
	for e := c.order.Front(); e != nil && !now.Before(e.Value.(*cached).until); e = c.order.Front() {
		c.remove(e)
	}
}

func (c *cache) forget(t screenpop.Tenant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch[t]++
	for e := c.order.Front(); e != nil; {
		next := e.Next()
		if e.Value.(*cached).key.tenant == t {
			c.remove(e)
		}
		e = next
	}
}

func (c *cache) remove(e *list.Element) {
	delete(c.byKey, e.Value.(*cached).key)
	c.order.Remove(e)
}
