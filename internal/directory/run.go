package directory

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

const (
	firstRetry   = 5 * time.Second // after a failure, then twice as long each time
	confirmAfter = time.Minute     // how soon a doubtful reading is read again
)

// Run reads the PBXs until ctx ends: at once, every Tenant.Refresh, and when
// Refresh asks. A PBX that fails is asked again sooner, with growing pauses. It
// may be called once and returns nil.
func (d *Directory) Run(ctx context.Context) error {
	defer close(d.stopped)
	d.readers.Run(ctx, d.keep)
	return nil
}

// keep keeps one tenant fresh.
func (d *Directory) keep(ctx context.Context, m *member) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var waiting []chan struct{}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case one := <-m.ask:
			waiting = append(waiting, one)
		}
		waiting = append(waiting, m.asking()...)
		pause := d.renew(ctx, m)
		for _, one := range waiting {
			close(one)
		}
		timer.Reset(jittered(pause))
	}
}

// asking takes everybody who asks just now: one reading answers them all.
func (m *member) asking() (all []chan struct{}) {
	for {
		select {
		case one := <-m.ask:
			all = append(all, one)
		default:
			return all
		}
	}
}

// renew reads a tenant's PBX once and returns when to do so again.
func (d *Directory) renew(ctx context.Context, m *member) time.Duration {
	reading, err := m.Source.Read(ctx)
	if ctx.Err() != nil {
		return 0
	}
	d.mu.Lock()
	if !slices.Contains(d.members, m) { // a reload has put another in its place meanwhile
		d.mu.Unlock()
		return 0
	}
	told := m.told()
	var before, after *copied
	m.lastTry = time.Now()
	if err != nil {
		m.fail(err)
	} else {
		known := max(len(extensions(m.good)), len(m.assumed))
		m.outcome, m.problem, m.failures = m.take(reading), "", 0
		if m.outcome == outcomeDoubtful {
			m.problem = fmt.Sprintf("the PBX lists %d extensions where it had %d before: the earlier ones stay until it says so twice",
				len(extensions(reading)), known)
		} else {
			m.lastSuccess = m.lastTry
			before, after = d.publish(m)
		}
	}
	news := m.told() != told
	result, problem, pause := m.outcome, m.problem, m.pause()
	d.mu.Unlock()

	d.metrics.refreshes.WithLabelValues(string(result)).Inc()
	if news {
		d.tell(m.Domain, result, problem)
	}
	if before != nil {
		if list := changes(before, after); len(list) > 0 {
			d.announce(m.Domain, list)
		}
	}
	return pause
}

// fail notes that the PBX could not be read.
func (m *member) fail(err error) {
	m.outcome, m.problem = outcomeFailed, err.Error()
	if errors.Is(err, ErrRefused) {
		m.outcome = outcomeRefused
	}
	m.failures++
}

// told is what the log has said of the tenant's state.
func (m *member) told() string { return string(m.outcome) + " " + m.problem }

// pause is how long the last reading will do.
func (m *member) pause() time.Duration {
	switch m.outcome {
	case outcomeFailed:
		return min(firstRetry<<min(m.failures-1, 20), m.Tenant.Refresh)
	case outcomeDoubtful:
		return min(confirmAfter, m.Tenant.Refresh)
	}
	return m.Tenant.Refresh
}

// jittered spreads d by a tenth, so that many tenants and many smokepops do not
// ask a PBX at the same moment.
func jittered(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}

// tell logs a state that is new.
func (d *Directory) tell(t screenpop.Tenant, result outcome, problem string) {
	switch result {
	case outcomeRead:
		d.log.Info("directory read from the PBX", "tenant", t)
	case outcomePartial:
		d.log.Warn("directory read from the PBX in part; smokepopd doctor says what is missing", "tenant", t)
	default:
		d.log.Warn("directory not renewed from the PBX; the last good one stays", "tenant", t, "err", problem)
	}
}

// announce tells everybody what has changed.
func (d *Directory) announce(t screenpop.Tenant, list []Change) {
	count := map[ChangeKind]int{}
	for _, c := range list {
		count[c.Kind]++
	}
	d.log.Info("directory changed", "tenant", t, "added", count[Added], "removed", count[Removed], "changed", count[Changed])
	if d.changed != nil {
		d.changed(t, list)
	}
}

// The errors of Refresh.
var (
	ErrNoSource = errors.New("the tenant is unknown, or has no pbx.api")
	ErrStopped  = errors.New("the directory is stopping")
)

// Refresh reads a tenant's PBX now and returns when that is done: what came of
// it is in the tenant's Report. When ctx ends first it returns ctx's error, and
// the reading goes on. It returns ErrNoSource for a tenant without a PBX to
// read and ErrStopped when Run has ended.
func (d *Directory) Refresh(ctx context.Context, t screenpop.Tenant) error {
	m := d.member(t)
	if m == nil || m.Source == nil {
		return ErrNoSource
	}
	done := make(chan struct{})
	select {
	case m.ask <- done:
	case <-m.replaced:
		return d.Refresh(ctx, t)
	case <-d.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-m.replaced:
		return d.Refresh(ctx, t)
	case <-d.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}
