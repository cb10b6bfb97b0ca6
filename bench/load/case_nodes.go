package main

import (
	"errors"
	"fmt"
)

// nodes compares one, two and three nodes over three NATS servers with a daemon
// alone. Webhooks and screens come to all nodes alike, so that with two nodes half,
// with three two thirds of them are at a node that hands them on. First all agents are of one
// tenant, which has one owner; then as many are of several, which the nodes share.
// On one machine more nodes serve nobody more: what is seen is what they cost, and
// what of it the busiest node has.
func nodes(b *bench) (rows []row, err error) {
	screens := b.size(1000, 100)
	alone, err := b.smokepop()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, alone.stop()) }()
	c, err := b.cluster(screens)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	theirs, err := b.openLine(alone, screens, connections) // not sooner: who connects has to say something
	if err != nil {
		return nil, err
	}
	defer theirs.hangUp()
	if _, err := theirs.measure(b.warm(screens)); err != nil {
		return nil, err
	}
	records, bytes, err := c.stored()
	if err != nil {
		return nil, err
	}
	agents := float64(2 * screens)
	rows = append(rows,
		single("store of the cluster, each agent paired and signed in once", "records for each agent", "", []float64{records / agents}, nil),
		single("store of the cluster, each agent paired and signed in once", "bytes for each agent at each NATS server", "", []float64{bytes / agents}, nil),
	)
	for n := 1; n <= 3; n++ {
		if n > 1 {
			if err := c.join(); err != nil {
				return nil, err
			}
		}
		of, err := b.onNodes(c, c, "one tenant", theirs, screens)
		if err != nil {
			return nil, err
		}
		rows = append(rows, of...)
		if of, err = b.onNodes(c, ofFirms{c}, fmt.Sprint(spreadFirms, " tenants"), theirs, screens); err != nil {
			return nil, err
		}
		rows = append(rows, of...)
	}
	return rows, nil
}

// onNodes measures the cluster as it is, seen as some of its agents see it, in turns
// with the daemon alone.
func (b *bench) onNodes(c *cluster, seen server, tenants string, alone *line, screens int) ([]row, error) {
	ours, err := b.openLine(seen, screens, connections)
	if err != nil {
		return nil, err
	}
	defer ours.hangUp()
	// As many callers and agents as the firms are a divisor of: each caller is one
	// firm's alone, and known there.
	agents, callers := screens/spreadFirms*spreadFirms, b.known()/spreadFirms*spreadFirms
	known := func(n int) int { return n % callers }
	warm := b.warm(agents)
	warm.caller = known
	if _, err := ours.measure(warm); err != nil {
		return nil, err
	}
	l := load{rate: 300, calls: b.size(600, 60), caller: known, agents: one(agents), screens: 1}
	p, times := &pair{ours: ours, theirs: alone, profile: b.profile}, b.few(3)
	before, _, err := c.busiest(nil)
	if err != nil {
		return nil, err
	}
	one, other, err := p.inTurns(times, l)
	if err != nil {
		return nil, err
	}
	_, busiest, err := c.busiest(before)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s over three NATS servers, %s, 300 events/s, 1,000 screens", c.name(), tenants)
	rows := []row{
		compareOwn(name, "p50", "ms", one.p50, other.p50, nil),
		compareOwn(name, "p99", "ms", one.p99, other.p99, nil),
		compareOwn(name, "CPU per event, NATS and all", "µs", one.cpu, other.cpu, nil),
		single(name, "CPU of the busiest node for an event, rings and ends", "µs", []float64{float64(busiest.Microseconds()) / float64(2*times*l.calls)}, nil),
	}
	if _, several := seen.(ofFirms); len(c.nodes) == 2 || len(c.nodes) == 1 && several {
		return rows, nil // between the others
	}
	most, err := b.mostEvents(ours, agents)
	if err != nil {
		return nil, err
	}
	return append(rows, single(name, "most events/s with p99 below 50 ms, everything on this machine", "", []float64{most}, nil)), nil
}
