package chaos

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// setting reads a number that makes the run larger.
func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		t.Fatalf("%s is %q", name, text)
	}
	return n
}

// lasting reads a duration.
func lasting(t *testing.T, name string, otherwise time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		t.Fatalf("%s is %q", name, text)
	}
	return d
}

// Three nodes, three NATS servers, and everything that may befall them, drawn
// from a seed: nothing that must never happen does. SMOKEPOP_CHAOS_TIME,
// SMOKEPOP_CHAOS_AGENTS, SMOKEPOP_CHAOS_EVENTS (webhooks a second),
// SMOKEPOP_CHAOS_FAULTS (some kinds alone), SMOKEPOP_CHAOS_ACCESS (how long access
// tokens live) and SMOKEPOP_CHAOS_SEED change it: make chaos.
func TestChaos(t *testing.T) {
	s := size{agents: setting(t, "SMOKEPOP_CHAOS_AGENTS", 150), events: setting(t, "SMOKEPOP_CHAOS_EVENTS", 30), lasts: lasting(t, "SMOKEPOP_CHAOS_TIME", time.Minute)}
	life := 20 * time.Second
	if s.agents > 500 {
		life = time.Minute
	}
	s.accessLife = lasting(t, "SMOKEPOP_CHAOS_ACCESS", life)
	s.tenants = max(10, s.agents/30)
	seed := uint64(setting(t, "SMOKEPOP_CHAOS_SEED", int(time.Now().UnixNano()%1_000_000)+1))
	t.Logf("seed %d: %d agents of %d tenants, %d webhooks a second, for %v; access tokens live %v", seed, s.agents, s.tenants, s.events, s.lasts, s.accessLife)

	some, err := blowsNamed(os.Getenv("SMOKEPOP_CHAOS_FAULTS"))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, s)
	w.until("the nodes are one", w.settled)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	all.Go(func() { w.watchOwners(ctx) })
	w.admit(seed)
	for _, p := range w.pages {
		all.Go(func() { p.follow(ctx) })
	}
	w.until("every page is connected", w.allConnected)
	t.Logf("%v after the start all are signed in, paired and connected", w.since().Round(time.Millisecond))

	phones := w.newPBX()
	stop, halt := context.WithTimeout(ctx, s.lasts)
	defer halt()
	var busy sync.WaitGroup
	busy.Go(func() { phones.traffic(stop, s.events) })
	busy.Go(func() { w.churn(stop) })
	m := &mischief{w: w, blows: some, draws: rand.New(rand.NewPCG(seed, 1)), log: t.Logf}
	err = m.run(stop)
	halt()
	busy.Wait()
	if err != nil {
		w.keepHistory()
		t.Fatal(err)
	}
	w.until("all is whole again", w.settled)
	w.finals(phones)
	cancel()
	all.Wait()

	for _, err := range m.badly {
		t.Error(err)
	}
	w.keepHistory()
	violations := w.h.Check()
	for _, v := range violations {
		t.Error(v)
		if v.Call != "" {
			t.Log(w.traceOf(v.Call))
		}
	}
	if err := w.h.Summary().Write(t.Output(), violations); err != nil {
		t.Error(err)
	}
}

// keepHistory writes the history beside the programs' logs.
func (w *world) keepHistory() {
	b, err := json.Marshal(w.h)
	w.must(err)
	w.must(os.WriteFile(filepath.Join(w.dir, "history.json"), b, 0o600))
}

// traceOf is what a call's tenant has on record of it, as far as its owner is the
// same still.
func (w *world) traceOf(call string) string {
	var doc struct{ Entries []json.RawMessage }
	if err := w.nodes[0].ask(http.MethodGet, "/v1/trace?call="+call, nil, &doc); err != nil {
		return err.Error()
	}
	lines := []string{"the trace of " + call}
	for _, e := range doc.Entries {
		lines = append(lines, string(e))
	}
	return strings.Join(lines, "\n")
}

// admit signs every agent in and pairs them.
func (w *world) admit(seed uint64) {
	var group errgroup.Group
	group.SetLimit(16)
	for i := range w.agents {
		p := w.newPage(i, seed)
		w.pages, w.pageOf[p.agent] = append(w.pages, p), p
		group.Go(func() error {
			return insistOn(p.join, p.pair)
		})
	}
	w.must(group.Wait())
}

// insistOn does one thing after the other, each again while it fails.
func insistOn(things ...func() error) error {
	end := time.Now().Add(patience)
	for _, do := range things {
		for err := do(); err != nil; err = do() {
			if time.Now().After(end) {
				return err
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	return nil
}

func (w *world) allConnected() bool {
	for _, p := range w.pages {
		if !p.connected() {
			return false
		}
	}
	return true
}

// churn has a tenth of the agents unpair, pair and pair again, all the time.
func (w *world) churn(ctx context.Context) {
	away := map[int]bool{}
	for ctx.Err() == nil {
		i := rand.IntN(max(1, len(w.pages)/10))
		p := w.pages[i]
		if away[i] || rand.IntN(3) == 0 {
			away[i] = p.pair() != nil
		} else {
			away[i] = true // or nobody knows
			_ = p.unpair()
		}
		select {
		case <-time.After(time.Duration(100+rand.IntN(400)) * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// finals finds out how everybody stands in the end.
func (w *world) finals(phones *pbx) {
	w.until("every page is connected again", w.allConnected)
	var group errgroup.Group
	group.SetLimit(64)
	end := time.Now().Add(patience) // for all of them
	for _, p := range w.pages {
		group.Go(func() error {
			w.h.Record(w.final(p, phones, end))
			return nil
		})
	}
	_ = group.Wait()
}

// final asks how an agent is paired, and calls until a call is shown.
func (w *world) final(p *page, phones *pbx, end time.Time) Final {
	f := Final{Agent: p.agent}
	var me struct{ Pairing struct{ State string } }
	for time.Now().Before(end) {
		if _, err := p.request(http.MethodGet, "/api/me", nil, &me); err == nil {
			f.State = me.Pairing.State
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	for time.Now().Before(end) && !f.Pops && f.State == "paired" {
		id, over := phones.newCall(p.agent)
		if phones.tell(id, "ringing", p.agent) {
			for wait := time.Now().Add(5 * time.Second); time.Now().Before(wait) && !f.Pops; time.Sleep(20 * time.Millisecond) {
				f.Pops = p.saw(id)
			}
			phones.tell(id, "terminated", p.agent)
		}
		over()
	}
	return f
}
