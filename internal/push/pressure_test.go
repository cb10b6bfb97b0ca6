package push_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/smokepop/smokepop/internal/push"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// large is a pop of some 32 KiB, which fills a stopped reader's buffers soon.
func large(id string) screenpop.Pop {
	p := pop(id, screenpop.Ringing)
	p.Contacts[0].Company = strings.Repeat("x", 32<<10)
	return p
}

// A browser that stops reading loses its own socket. The agent's other window
// and everybody else get each message while it is stuck.
func TestStoppedReaderDelaysNobody(t *testing.T) {
	g := start(t, push.Limits{Queue: 8, WriteTimeout: patience})
	stuck := g.openWith(t, priya, "s1", smallBuffer)
	beside, other := g.open(t, priya, "s2"), g.open(t, agent("102"), "s3")
	beside.read()
	other.read()
	sent := 0
	for ; g.Screens(priya) == 2; sent++ {
		if sent == 10_000 {
			t.Fatal("the stopped reader was never closed")
		}
		id := fmt.Sprint(sent)
		g.Pop(priya, large(id), time.Now())
		g.Pop(agent("102"), large(id), time.Now())
		for m := beside.read(); m.Type != "pop"; m = beside.read() { // live pops are bounded: old ones end
		}
		for m := other.read(); m.Type != "pop"; m = other.read() {
		}
	}
	if n := g.sample(t, "smokepop_screens_closed_total", "too-slow"); n != 1 {
		t.Errorf("counted %v screens as too slow, want 1", n)
	}
	// It wakes up: what it gets is in order, and then it is told why.
	var seq uint64
	for {
		m, err := stuck.next()
		if err != nil {
			if !websocket.IsCloseError(err, int(push.TooSlow)) {
				t.Errorf("closed with %v, want 4008", err)
			}
			break
		}
		if m.Seq != seq && m.Type != "hello" {
			t.Fatalf("seq %d, want %d", m.Seq, seq)
		}
		seq = m.Seq + 1
	}
	t.Logf("closed after %d pops; the stopped reader found %d messages", sent, seq)
}

// Messages of one agent keep their order, whoever publishes.
func TestOrderUnderConcurrentPublishers(t *testing.T) {
	g := start(t, push.Limits{Queue: 10_000, QueueBytes: 1 << 30, LivePops: 100})
	const publishers, each = 8, 50
	var browsers []*browser
	for range 3 {
		b := g.open(t, priya, "s")
		b.read()
		browsers = append(browsers, b)
	}
	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d-%d", p, i)
				g.Pop(priya, pop(id, screenpop.Ringing), time.Now())
				g.Update(priya, pop(id, screenpop.Connected))
				g.End(priya, id, screenpop.EndTerminated, "")
			}
		})
	}
	for _, b := range browsers {
		last := make([]string, publishers)
		for seq := uint64(1); seq <= publishers*each*3; seq++ {
			m := b.read()
			if m.Seq != seq {
				t.Fatalf("seq %d, want %d", m.Seq, seq)
			}
			id := m.ID + m.Pop.ID
			var p, i int
			if _, err := fmt.Sscanf(id, "%d-%d", &p, &i); err != nil {
				t.Fatal(err)
			}
			before := map[string]string{"pop": "", "update": "pop " + id, "end": "update " + id}[m.Type]
			if i > 0 && m.Type == "pop" {
				before = fmt.Sprintf("end %d-%d", p, i-1)
			}
			if last[p] != before {
				t.Fatalf("%s %s after %q, want after %q", m.Type, id, last[p], before)
			}
			last[p] = m.Type + " " + id
		}
	}
	wg.Wait()
}

// view is what a page shows: hello, and then each message on top.
type view struct {
	seq    uint64
	live   []string
	recent []string
	paired screenpop.PairingState
}

func (v *view) take(m msg) error {
	if m.Type == "hello" {
		*v = view{seq: m.Seq, paired: m.Pairing.State}
		for _, p := range m.Pops {
			v.live = append(v.live, p.ID+" "+string(p.Call.State))
		}
		for _, p := range m.Recent {
			v.recent = append(v.recent, p.ID)
		}
		return nil
	}
	v.seq++
	if m.Seq != v.seq {
		return fmt.Errorf("seq %d after %d", m.Seq, v.seq-1)
	}
	at := func(id string) int {
		for i, l := range v.live {
			if strings.HasPrefix(l, id+" ") {
				return i
			}
		}
		return -1
	}
	i := at(m.ID + m.Pop.ID)
	switch m.Type {
	case "pop":
		if i >= 0 {
			return fmt.Errorf("pop %s twice", m.Pop.ID)
		}
		v.live = append(v.live, m.Pop.ID+" "+string(m.Pop.Call.State))
	case "update", "end":
		if i < 0 {
			return fmt.Errorf("%s, which is not live", m)
		}
		if m.Type == "update" {
			v.live[i] = m.Pop.ID + " " + string(m.Pop.Call.State)
			break
		}
		v.live = append(v.live[:i:i], v.live[i+1:]...)
		v.recent = append(v.recent, m.ID)
	case "pairing":
		v.paired = m.Pairing.State
	}
	return nil
}

// Browsers of one agent that reload for all they are worth while calls and
// pairing go on: each hello and what follows it is one gapless sequence, and
// where it ends is what a new hello says.
func TestReloadStormSeesOneSequence(t *testing.T) {
	g := start(t, push.Limits{Queue: 10_000, QueueBytes: 1 << 30, RecentPops: 20})
	g.pairings.put(priya, screenpop.Pairing{State: screenpop.Paired})

	// A witness that reads everything sets the publishers' pace.
	const ahead = 64
	tokens := make(chan struct{}, ahead)
	for range ahead {
		tokens <- struct{}{}
	}
	witness := g.open(t, priya, "s")
	var all sync.WaitGroup
	all.Go(func() {
		var v view
		for m, err := witness.next(); err == nil && m.ID != "last"; m, err = witness.next() {
			if err := v.take(m); err != nil {
				t.Errorf("witness: %v", err)
			}
			if m.Type != "hello" {
				select {
				case tokens <- struct{}{}:
				default: // the last pop took none
				}
			}
		}
	})

	stop := make(chan struct{})
	var publishers sync.WaitGroup
	publish := func(do func(i int, turn func() bool)) {
		turn := func() bool {
			select {
			case <-stop:
				return false
			case <-tokens:
				return true
			}
		}
		publishers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					do(i, turn)
				}
			}
		})
	}
	for p := range 3 {
		publish(func(i int, turn func() bool) {
			id := fmt.Sprintf("%d-%d", p, i)
			if turn() {
				g.Pop(priya, pop(id, screenpop.Ringing), time.Now())
			}
			if i%3 == 0 && turn() {
				g.Update(priya, pop(id, screenpop.Connected))
			}
			if i >= 5 && turn() {
				g.End(priya, fmt.Sprintf("%d-%d", p, i-5), screenpop.EndTerminated, "")
			}
		})
	}
	publish(func(i int, turn func() bool) {
		state := []screenpop.PairingState{screenpop.Paired, screenpop.Expired, screenpop.Attention}[i%3]
		if turn() {
			g.pairings.put(priya, screenpop.Pairing{State: state})
			g.PairingChanged(priya, screenpop.Pairing{State: state})
		}
	})

	const tabs, reloads = 8, 12
	var atLast sync.WaitGroup
	views := make([]view, tabs)
	for tab := range tabs {
		atLast.Add(1)
		all.Go(func() {
			var arrived sync.Once
			defer arrived.Do(atLast.Done)
			for reload := range reloads + 1 {
				conn, _, err := g.try(priya, "s", nil)
				if err != nil {
					t.Errorf("tab %d, reload %d: %v", tab, reload, err)
					return
				}
				defer conn.Close()
				b := &browser{t, conn}
				// The last time it reads to the end.
				for n := rand.IntN(40) + 1; n > 0 || reload == reloads; n-- {
					m, err := b.next()
					if err == nil {
						err = views[tab].take(m)
					}
					if err != nil {
						t.Errorf("tab %d, reload %d: %v", tab, reload, err)
						return
					}
					if m.Type == "end" && m.ID == "last" {
						return
					}
					if n == 0 {
						arrived.Do(atLast.Done)
					}
				}
				conn.Close()
			}
		})
	}
	atLast.Wait()
	close(stop)
	publishers.Wait()
	g.Pop(priya, pop("last", screenpop.Ringing), time.Now())
	g.End(priya, "last", screenpop.EndTerminated, "")
	all.Wait()

	var want view
	if err := want.take(g.open(t, priya, "s").read()); err != nil {
		t.Fatal(err)
	}
	for tab, v := range views {
		v.recent = v.recent[max(0, len(v.recent)-20):]
		if fmt.Sprint(v.live, v.recent, v.paired, v.seq) != fmt.Sprint(want.live, want.recent, want.paired, want.seq) {
			t.Errorf("tab %d shows  %+v\na hello says %+v", tab, v, want)
		}
	}
}

// When one of 200 agents reloads all the time, no other loses a message.
func TestNothingLostWhenOneReloads(t *testing.T) {
	g := start(t, push.Limits{})
	const agents, pops = 200, 20
	browsers := make([]*browser, agents)
	for i := 1; i < agents; i++ {
		browsers[i] = g.open(t, agent(fmt.Sprint(i)), "s")
		browsers[i].read()
	}
	ctx, stop := context.WithCancel(t.Context())
	var reloader sync.WaitGroup
	reloader.Go(func() {
		for ctx.Err() == nil {
			conn, _, err := g.try(agent("0"), "s", nil)
			if err != nil {
				t.Errorf("reload: %v", err)
				return
			}
			conn.Close()
		}
	})
	for n := range pops {
		for i := range agents {
			g.Pop(agent(fmt.Sprint(i)), pop(fmt.Sprintf("%d-%d", i, n), screenpop.Ringing), time.Now())
		}
	}
	for i := 1; i < agents; i++ {
		for n := range pops {
			browsers[i].want(fmt.Sprintf("pop %d-%d ringing", i, n))
		}
	}
	stop()
	reloader.Wait()
}

// Publishing, opening, leaving and ending sessions while the hub closes: no
// panic, no race, no screen left.
func TestPublishAndCloseRace(t *testing.T) {
	for range 10 {
		g := start(t, push.Limits{CloseGrace: time.Millisecond})
		var wg sync.WaitGroup
		stop := make(chan struct{})
		again := func(do func(i int)) {
			wg.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
						do(i)
					}
				}
			})
		}
		for range 2 {
			again(func(i int) {
				g.Pop(priya, pop(fmt.Sprint(i), screenpop.Ringing), time.Now())
				g.End(priya, fmt.Sprint(i), screenpop.EndTerminated, "")
			})
		}
		again(func(int) { g.CloseSession("s0", push.SessionRenewed) })
		again(func(int) { g.Screens(priya) })
		opened := make(chan struct{}, 1000)
		for n := range 3 {
			again(func(int) {
				if conn, _, err := g.try(priya, fmt.Sprintf("s%d", n), nil); err == nil {
					select {
					case opened <- struct{}{}:
					default:
					}
					_ = conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"dismiss","id":"1"}`))
					conn.Close()
				}
			})
		}
		for range 10 {
			<-opened
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := g.Close(ctx); err != nil {
			t.Error(err)
		}
		cancel()
		close(stop)
		wg.Wait()
		if n := g.sample(t, "smokepop_screens", ""); n != 0 {
			t.Errorf("%v screens left", n)
		}
	}
}
