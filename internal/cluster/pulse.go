package cluster

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
)

// pulse asks the server all the time whether it is there, until ctx ends. A
// connection over which nothing comes back any more, as when a cable is cut, looks
// whole for a long while: here it is given up after a second. Then every stream is
// broken off, so that who waits for another member can go elsewhere, and another
// server is tried.
func (c *Cluster) pulse(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		c.feel(c.cfg.Conn.FlushTimeout(askTime))
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

func (c *Cluster) feel(err error) {
	if err == nil {
		c.anew()
	}
	c.mu.Lock()
	before := c.deaf
	c.setDeaf(err != nil)
	c.mu.Unlock()
	if err == nil {
		return
	}
	if !before {
		c.cfg.Log.Warn("the NATS server does not answer: trying another one", "err", err)
		c.streams.lose("")
	}
	if c.cfg.Conn.Status() == nats.CONNECTED {
		_ = c.cfg.Conn.ForceReconnect() // fails only where there is no connection any more
	}
}

// setDeaf notes whether the server answers. Under mu.
func (c *Cluster) setDeaf(deaf bool) {
	if c.deaf == deaf {
		return
	}
	c.deaf = deaf
	if c.deafen(); !deaf {
		c.hearing, c.deafen = context.WithCancel(context.Background())
	}
	c.tell()
}

// anew breaks every stream off where the connection to NATS is another one than
// before, and tells the others. What was under way is lost, the word that a stream
// has ended among it: who waits at the other end would wait for ever. It is done
// before this member says that it is connected: what comes in then goes on.
func (c *Cluster) anew() {
	c.renewing.Lock()
	defer c.renewing.Unlock()
	// Asked before anything else is locked: nats.go holds its own lock while it
	// connects to a server that does not answer, for as long as nats.Timeout.
	connected := c.cfg.Conn.Stats().Reconnects
	if connected == c.connected {
		return
	}
	c.connected = connected
	c.streams.lose("")
	_ = c.cfg.Conn.Publish(c.cfg.Name+".anew", []byte(c.id))
}

// Deaf tells whether NATS does not answer this member at all: what it would have
// to ask others it cannot, and who waits for that does better elsewhere.
func (c *Cluster) Deaf() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deaf
}

// Hearing returns a context that ends as soon as NATS does not answer this member
// any more: what waits for an answer from there waits in vain.
func (c *Cluster) Hearing() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hearing
}
