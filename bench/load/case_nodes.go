package main

import (
	"errors"
	"fmt"
)

// nodes compares one, two and three nodes over three NATS servers with a daemon
// alone. All agents are of one tenant, which has one owner: with two nodes half,
// with three two thirds of webhooks and screens are at a node that hands them on.
// On one machine more nodes serve nobody more: what is seen is what they cost.
func nodes(b *bench) (rows []row, err error) {
	screens := b.size(1000, 100)
	alone, err := b.smokepop()
	if err != nil {
		return nil, err
	}
	theirs, err := b.openLine(alone, screens, connections)
	if err != nil {
		return nil, errors.Join(err, alone.stop())
	}
	defer func() {
		theirs.hangUp()
		err = errors.Join(err, alone.stop())
	}()
	c, err := b.cluster(screens)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	if _, err := theirs.measure(b.warm(screens)); err != nil {
		return nil, err
	}
	records, bytes, err := c.stored()
	if err != nil {
		return nil, err
	}
	agents := float64(screens)
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
		of, err := b.onNodes(c, theirs, screens)
		if err != nil {
			return nil, err
		}
		rows = append(rows, of...)
	}
	return rows, nil
}

// onNodes measures the cluster as it is, in turns with the daemon alone.
func (b *bench) onNodes(c *cluster, alone *line, screens int) ([]row, error) {
	ours, err := b.openLine(c, screens, connections)
	if err != nil {
		return nil, err
	}
	defer ours.hangUp()
	if _, err := ours.measure(b.warm(screens)); err != nil {
		return nil, err
	}
	p := &pair{ours: ours, theirs: alone, profile: b.profile}
	one, other, err := p.inTurns(b.few(4), load{
		rate: 300, calls: b.size(900, 60), caller: b.knownCaller, agents: one(screens), screens: 1,
	})
	if err != nil {
		return nil, err
	}
	most, err := b.mostEvents(ours, screens)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s over three NATS servers, one tenant, 300 events/s, 1,000 screens", c.name())
	return []row{
		compareOwn(name, "p50", "ms", one.p50, other.p50, nil),
		compareOwn(name, "p99", "ms", one.p99, other.p99, nil),
		compareOwn(name, "CPU per event, NATS and all", "µs", one.cpu, other.cpu, nil),
		single(name, "most events/s with p99 below 50 ms, everything on this machine", "", []float64{most}, nil),
	}, nil
}
