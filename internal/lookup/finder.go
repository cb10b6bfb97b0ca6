package lookup

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/smokepop/smokepop/internal/crew"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// Finder implements screenpop.Finder over Smokeball.
type Finder struct {
	tenants  atomic.Pointer[map[screenpop.Tenant]*tenant]
	tellers  *crew.Crew[*tenant]
	creds    Credentials
	news     News
	trace    screenpop.Recorder
	metrics  *metrics
	log      *slog.Logger
	now      func() time.Time
	cache    *cache
	flights  flights
	renewals renewals
	// atOnce has ended, for who wants a token only if it is there.
	atOnce context.Context
}

type tenant struct {
	TenantConfig
	// tailWorks: a tail has found a contact that has the number, so that one
	// that finds none may be believed.
	tailWorks atomic.Bool
	planned   []string // the plan, as it is configured
}

var (
	_ screenpop.Finder = (*Finder)(nil)
	_ screenpop.Memory = (*Finder)(nil)
)

// New returns a Finder. It panics on a plan that cannot be carried out:
// configuration has checked it.
func New(cfg Config) *Finder {
	f := &Finder{
		tellers: crew.New[*tenant](),
		creds:   cfg.Credentials, news: cfg.News, trace: cfg.Trace, metrics: newMetrics(cfg.Metrics), log: cfg.Log, now: cfg.Now,
		cache: newCache(), flights: flights{of: make(map[key]*flight)}, renewals: renewals{last: make(map[screenpop.AgentID]time.Time)},
	}
	if f.trace == nil {
		f.trace = discard{}
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	if f.now == nil {
		f.now = time.Now
	}
	ended, end := context.WithCancel(context.Background())
	end()
	f.atOnce = ended
	f.Reconfigure(cfg.Tenants)
	return f
}

// Reconfigure puts other tenants in the place of those there are. A tenant that
// stays as it is keeps what it has learnt; what was found for one that changes
// is forgotten, and searches under way end by its earlier configuration. It
// panics as New does. It is called by one goroutine at a time.
func (f *Finder) Reconfigure(configs []TenantConfig) {
	before := map[screenpop.Tenant]*tenant{}
	if m := f.tenants.Load(); m != nil {
		before = *m
	}
	after := make(map[screenpop.Tenant]*tenant, len(configs))
	all := make([]*tenant, 0, len(configs))
	for _, c := range configs {
		t := &tenant{TenantConfig: c.withDefaults()}
		if err := t.Plan.Check(); err != nil {
			panic(err)
		}
		t.planned = t.Plan.Strings()
		if was := before[c.Tenant]; was != nil && was.same(t) {
			t = was
		}
		after[c.Tenant] = t
		all = append(all, t)
	}
	f.tenants.Store(&after)
	for name, was := range before {
		if after[name] != was {
			f.cache.forget(name)
		}
	}
	f.tellers.Set(all)
}

// same tells whether two tenants are configured alike. A client is the same only
// if it is that one: it has its own budget and knows whether Smokeball answers.
func (t *tenant) same(u *tenant) bool {
	a, b := t.TenantConfig, u.TenantConfig
	a.API, b.API = nil, nil
	return t.API == u.API && reflect.DeepEqual(a, b)
}

// tenant returns a tenant; nil: it is not configured.
func (f *Finder) tenant(t screenpop.Tenant) *tenant { return (*f.tenants.Load())[t] }

// Find implements screenpop.Finder. The whole look-up takes no longer than the
// tenant's timeout. The agent has to be paired, also for an answer that a
// colleague's search has brought.
func (f *Finder) Find(ctx context.Context, agent screenpop.AgentID, call screenpop.Call) (screenpop.Match, error) {
	start := f.now()
	return f.ended(start, agent, call, f.find(ctx, agent, call))
}

// Known implements screenpop.Memory: the agent's token is there, and so is the
// answer.
func (f *Finder) Known(agent screenpop.AgentID, call screenpop.Call) (m screenpop.Match, err error, known bool) {
	start := f.now()
	t := f.tenant(agent.Tenant)
	if t == nil || call.Number.IsZero() {
		return m, nil, false
	}
	_, state, err := f.creds.Use(f.atOnce, agent)
	if err != nil {
		return m, nil, false
	}
	a, known := f.remembered(t.key(agent, call), f.stage(nil, "token", nil, 0, start))
	if !known {
		return m, nil, false
	}
	a.token = state
	m, err = f.ended(start, agent, call, a)
	return m, err, true
}

// ended notes how a look-up ended, and returns that.
func (f *Finder) ended(start time.Time, agent screenpop.AgentID, call screenpop.Call, a answer) (screenpop.Match, error) {
	outcome, end := screenpop.OutcomeOf(a.err), f.now()
	f.metrics.ended(outcome, end.Sub(start))
	e := screenpop.TraceEntry{
		Time: end, Tenant: agent.Tenant, Extension: agent.Extension, Call: call.ID,
		Step: screenpop.StepLookup, Verdict: string(outcome), Detail: a.detail, Number: call.Number.Masked(), TraceFacts: a.facts(),
	}
	if screenpop.Measuring(f.trace) {
		e.Timing = &screenpop.Timing{Began: start, Ended: end, Stages: a.stages}
	}
	f.trace.Record(e)
	passes := errors.Is(a.err, screenpop.ErrStoreAway) // and is made again, which is in the trace
	if (outcome == screenpop.OutcomeUnavailable || outcome == screenpop.OutcomeRefused) && !passes {
		f.log.Warn("look-up failed", "agent", agent, "outcome", outcome, "detail", a.detail)
	}
	return a.match, a.err
}

// Forget wipes what is remembered of a tenant's contacts, for when its last
// agent has unpaired. Searches under way are not remembered either.
func (f *Finder) Forget(t screenpop.Tenant) { f.cache.forget(t) }

func (f *Finder) find(ctx context.Context, agent screenpop.AgentID, call screenpop.Call) answer {
	t := f.tenant(agent.Tenant)
	switch {
	case t == nil:
		return answer{err: screenpop.ErrUnavailable, detail: "the tenant is not configured for look-ups"}
	case call.Number.IsZero():
		return answer{err: screenpop.ErrNoMatch, detail: "there is no number to look up"}
	case ctx.Err() != nil:
		return answer{err: screenpop.ErrTooLate, detail: "the call had ended before"}
	}
	limited, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	asked := f.now()
	token, state, err := f.creds.Use(limited, agent)
	begun := f.stage(nil, "token", err, 0, asked)
	if err != nil {
		return answer{err: credentialsError(limited, err), detail: "there is no token to ask with", stages: begun, token: state}
	}
	k := t.key(agent, call)
	if a, ok := f.remembered(k, begun); ok {
		a.token = state
		return a
	}
	deadline, _ := limited.Deadline()
	epoch := f.cache.of(agent.Tenant)
	fly := func() (answer, bool) {
		p := &passenger{agent: agent, token: token, answer: make(chan answer, 1)}
		return f.flights.do(ctx, k, time.Until(deadline), p, func(ctx context.Context, agent screenpop.AgentID, token screenpop.Secret) answer {
			return f.search(ctx, t, k, epoch, call, &asker{finder: f, agent: agent, token: token})
		})
	}
	waiting := f.now()
	a, joined := fly()
	if joined && errors.Is(a.err, screenpop.ErrTooLate) && limited.Err() == nil {
		a, joined = fly() // the search had begun before this phone rang, and had less time
	}
	if joined {
		f.metrics.coalesced.Inc()
		a.detail = "shared with another phone's search: " + a.detail
		a.stages = f.stage(nil, "shared", a.err, len(a.match.Contacts), waiting)
	}
	a.stages = append(begun, a.stages...)
	if joined || a.token == "" {
		a.token = state // and not what became of another agent's
	}
	if len(a.match.Contacts) > 0 {
		// Unpaired while the search ran: what it found is not for this agent.
		if _, err := f.creds.Token(ctx, agent); errors.Is(err, screenpop.ErrNotPaired) {
			a.match, a.err, a.detail, a.token = screenpop.Match{}, screenpop.ErrNotPaired, "unpaired during the search", screenpop.TokenUnpaired
		}
	}
	return a
}

// key is what the answer to a call is remembered by.
func (t *tenant) key(agent screenpop.AgentID, call screenpop.Call) key {
	k := key{tenant: agent.Tenant, number: call.Number.Canonical}
	if t.PerAgent {
		k.agent = agent.Extension
	}
	return k
}

// remembered returns an answer that was found before.
func (f *Finder) remembered(k key, begun []screenpop.Stage) (answer, bool) {
	m, age, ok := f.cache.get(k, f.now())
	if !ok {
		return answer{}, false
	}
	f.metrics.cached.Inc()
	return settled(own(m), "known from "+strconv.Itoa(int(age.Seconds()))+" s ago", begun), true
}

// search asks Smokeball and remembers what it said.
func (f *Finder) search(ctx context.Context, t *tenant, k key, epoch int, call screenpop.Call, asker *asker) answer {
	s := &search{tenant: t, asker: asker, number: call.Number}
	whole, err := s.run(smokeball.WithPriority(ctx, priority(call)))
	a := answer{err: err, detail: s.detail(), stages: s.stages, plan: t.planned, searches: s.report, throttled: asker.throttled}
	if asker.renewed {
		a.token = screenpop.TokenRenewed
	}
	if err != nil {
		a.detail = join(a.detail, err.Error())
		return a
	}
	m := match(s.found, t.Links, t.MaxContacts)
	if whole && t.Cache > 0 {
		now := f.now()
		f.cache.put(k, m, epoch, now, now.Add(t.Cache))
	}
	if a.match = m; len(m.Contacts) == 0 {
		a.err = screenpop.ErrNoMatch
	}
	return a
}

// settled is the answer of a search that Smokeball answered.
func settled(m screenpop.Match, detail string, stages []screenpop.Stage) answer {
	if len(m.Contacts) == 0 {
		return answer{err: screenpop.ErrNoMatch, detail: detail, stages: stages}
	}
	return answer{match: m, detail: detail, stages: stages}
}

// stage adds a part of a look-up that ends now, if anybody measures.
func (f *Finder) stage(to []screenpop.Stage, name string, err error, found int, began time.Time) []screenpop.Stage {
	if !screenpop.Measuring(f.trace) {
		return to
	}
	s := screenpop.Stage{Name: name, Began: began, Ended: f.now()}
	switch {
	case found > 0:
		s.Verdict = "found"
	case err != nil:
		s.Verdict = string(screenpop.OutcomeOf(err))
	}
	return append(to, s)
}

// priority is the call's place among those that wait for the budget.
func priority(call screenpop.Call) smokeball.Priority {
	p := smokeball.Priority{Class: smokeball.RingingInbound, Since: call.Started}
	switch connected, outbound := call.State == screenpop.Connected, call.Direction == screenpop.Outbound; {
	case connected && outbound:
		p.Class = smokeball.ConnectedOutbound
	case connected:
		p.Class = smokeball.ConnectedInbound
	case outbound:
		p.Class = smokeball.RingingOutbound
	}
	return p
}

func join(parts ...string) string {
	s := ""
	for _, p := range parts {
		if s != "" && p != "" {
			s += "; "
		}
		s += p
	}
	return s
}

type discard struct{}

func (discard) Record(screenpop.TraceEntry) {}
