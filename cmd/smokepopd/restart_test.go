package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// follower is a page that stays: it comes back whenever its socket has closed,
// and remembers what it was ever shown.
type follower struct {
	*visitor

	mu     sync.Mutex
	pops   map[string]string // by call: the id of its pop
	named  map[string]bool   // calls whose contacts were shown
	live   map[string]bool   // pops that are up
	wrong  []string
	closes map[int]int // how sockets ended
}

// shownPop is a pop as far as a follower looks at it.
type shownPop struct {
	ID       string
	Call     struct{ ID string }
	Contacts []struct{ Name string }
}

func (f *follower) follow(ctx context.Context) {
	for ctx.Err() == nil {
		conn, _, err := f.dial("smokepop.v1")
		if err == nil {
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			f.read(conn)
			stop()
			_ = conn.Close()
		}
		select {
		case <-time.After(time.Duration(rand.IntN(200)) * time.Millisecond): // the page's own jitter, for people in a hurry
		case <-ctx.Done():
		}
	}
}

func (f *follower) read(conn *websocket.Conn) {
	for {
		_, b, err := conn.ReadMessage()
		if err != nil {
			var c *websocket.CloseError
			if errors.As(err, &c) {
				f.mu.Lock()
				f.closes[c.Code]++
				f.mu.Unlock()
			}
			return
		}
		var m struct {
			Type, ID string
			Pop      shownPop
			Pops     []shownPop
		}
		if err := json.Unmarshal(b, &m); err != nil {
			f.t.Errorf("the frame %s: %v", b, err)
			return
		}
		f.mu.Lock()
		switch m.Type {
		case "hello":
			f.live = map[string]bool{}
			for _, p := range m.Pops {
				f.show(p)
			}
		case "pop":
			if f.live[m.Pop.ID] {
				f.wrong = append(f.wrong, "pop "+m.Pop.ID+" rings again")
			}
			f.show(m.Pop)
		case "update":
			f.show(m.Pop)
		case "end":
			delete(f.live, m.ID)
		}
		f.mu.Unlock()
	}
}

func (f *follower) show(p shownPop) {
	if before := f.pops[p.Call.ID]; before != "" && before != p.ID {
		f.wrong = append(f.wrong, fmt.Sprintf("call %s is shown as a second pop", p.Call.ID))
	}
	f.pops[p.Call.ID], f.live[p.ID] = p.ID, true
	if len(p.Contacts) > 0 {
		f.named[p.Call.ID] = true
	}
}

// knows tells whether the page was shown who calls.
func (f *follower) knows(call string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.named[call]
}

func (f *follower) up() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.live)
}

// liveOffice is a firm's agents at their pages and the PBX's calls to them.
type liveOffice struct {
	in       *installation
	hooks    *http.Client
	pages    []*follower
	accepted atomic.Int64
	refused  atomic.Int64
}

// openLiveOffice signs agents in, pairs them and opens their pages.
func openLiveOffice(ctx context.Context, in *installation, pages *sync.WaitGroup) *liveOffice {
	o := &liveOffice{in: in, hooks: &http.Client{Timeout: waitAtMost, Transport: &http.Transport{DisableKeepAlives: true}}}
	admin := newAdminClient(in.socket)
	defer admin.http.CloseIdleConnections()
	for _, a := range in.firm().Agents {
		url, err := in.world.invite(ctx, admin, in.firm().Domain, a.Extension)
		if err != nil {
			in.t.Fatal(err)
		}
		v := signIn(in.t, url)
		v.finishPairing(v.callback(in.smokeball(), a.Email))
		f := &follower{visitor: v, pops: map[string]string{}, named: map[string]bool{}, live: map[string]bool{}, closes: map[int]int{}}
		o.pages = append(o.pages, f)
		pages.Go(func() { f.follow(ctx) })
	}
	return o
}

// tell sends a webhook until it is taken in: a full or closing daemon says when
// to send again. Everything else is lost.
func (o *liveOffice) tell(e event) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	for {
		req, err := http.NewRequest(http.MethodPost, o.in.world.public+"/hooks/vodia/"+o.in.firm().Domain, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.SetBasicAuth(o.in.world.access.Username, o.in.world.access.Password)
		res, err := o.hooks.Do(req)
		if err != nil {
			return err
		}
		answer, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		switch {
		case err != nil:
			return err
		case res.StatusCode == http.StatusAccepted:
			o.accepted.Add(1)
			return nil
		case res.StatusCode != http.StatusServiceUnavailable:
			return fmt.Errorf("%v: %s %s", e, res.Status, answer)
		}
		o.refused.Add(1)
		time.Sleep(10 * time.Millisecond)
	}
}

// call lets an agent's telephone ring until the agent has seen who it is, as
// people do, and then some.
func (o *liveOffice) call(id string) error {
	who := rand.IntN(len(o.pages))
	page, agent := o.pages[who], o.in.firm().Agents[who]
	caller := o.in.firm().Callers[0]
	if err := o.tell(event{"event": "ringing", "call_id": id, "from": caller.E164(), "to": agent.Extension}); err != nil {
		return err
	}
	for began := time.Now(); !page.knows(id); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > waitAtMost {
			return fmt.Errorf("extension %s was never shown call %s", agent.Extension, id)
		}
	}
	time.Sleep(time.Duration(rand.IntN(3000)) * time.Millisecond)
	return o.tell(event{"event": "terminated", "call_id": id})
}

// Restarts under load, with the socket held by the parent: no webhook is lost,
// every call's pop is seen by its agent, under one id and as news once, and no
// pop stays. SMOKEPOP_RESTARTS, SMOKEPOP_SCREENS and SMOKEPOP_WEBHOOKS (a second)
// make it long: make restart-test.
func TestRestartsUnderLoad(t *testing.T) {
	restarts, screens, perSecond := setting(t, "SMOKEPOP_RESTARTS", 3), setting(t, "SMOKEPOP_SCREENS", 20), setting(t, "SMOKEPOP_WEBHOOKS", 40)
	in := install(t, largeFirm(screens), unlimited, func(settings map[string]any) {
		settings["log"] = map[string]any{"level": "warn", "format": "text"}
		setTenant(settings, "smokeball", "requests_per_second", 1000)
		setTenant(settings, "smokeball", "burst", 1000)
		setTenant(settings, "lookup", "timeout", "30s")
		setTenant(settings, "lookup", "matters", false)
	})
	in.hold()
	in.serve()
	ctx, cancel := context.WithCancel(t.Context())
	var pages, calls sync.WaitGroup
	defer pages.Wait()
	defer cancel()
	o := openLiveOffice(ctx, in, &pages)

	failed := make(chan error, 1)
	ringing, hush := context.WithCancel(ctx)
	defer hush()
	calls.Go(func() {
		tick := time.NewTicker(2 * time.Second / time.Duration(perSecond)) // a call is two webhooks
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ringing.Done():
				return
			case <-tick.C:
			}
			calls.Go(func() {
				if err := o.call(fmt.Sprint("call-", n)); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			})
		}
	})
	var stops, starts []time.Duration
	for n := range restarts {
		for enough := o.accepted.Load() + int64(perSecond); o.accepted.Load() < enough && len(failed) == 0; time.Sleep(10 * time.Millisecond) {
		}
		if len(failed) > 0 {
			t.Logf("after %d restarts", n)
			break
		}
		began := time.Now()
		if code := in.end(syscall.SIGTERM); code != exitOK {
			t.Fatalf("restart %d: stopped with %d\n%s", n, code, in.stderr)
		}
		stopped := time.Now()
		in.serve()
		stops, starts = append(stops, stopped.Sub(began)), append(starts, time.Since(stopped))
	}
	hush()
	calls.Wait()
	select {
	case err := <-failed:
		t.Error(err)
	default:
	}
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		up := 0
		for _, f := range o.pages {
			up += f.up()
		}
		if up == 0 {
			break
		}
		if time.Since(began) > waitAtMost {
			t.Errorf("%d pops stay", up)
			break
		}
	}
	seen, closes := 0, map[int]int{}
	for _, f := range o.pages {
		f.mu.Lock()
		for _, w := range f.wrong {
			t.Error(w)
		}
		seen += len(f.pops)
		for code, n := range f.closes {
			closes[code] += n
		}
		f.mu.Unlock()
	}
	if closes[websocket.CloseAbnormalClosure] > 0 || closes[4000] == 0 {
		t.Errorf("sockets ended as %v, want 4000", closes)
	}
	// While there is a daemon that answers: the held socket takes connections
	// without one too, and each page would wait for its handshake's whole time.
	cancel()
	pages.Wait()
	if code := in.end(syscall.SIGTERM); code != exitOK {
		t.Errorf("stopped with %d", code)
	}
	if log := in.stderr.String(); strings.Contains(log, "under way") || strings.Contains(log, "level=ERROR") {
		t.Errorf("the log is\n%.2000s", log)
	}
	t.Logf("%d restarts, %d screens: %d webhooks accepted, %d told to come again, %d calls shown; a stop took %v in the median and %v at most, a start %v and %v",
		len(stops), screens, o.accepted.Load(), o.refused.Load(), seen, median(stops), slices.Max(stops), median(starts), slices.Max(starts))
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2].Round(time.Millisecond)
}

// setting reads a number that makes a test longer.
func setting(t testing.TB, name string, otherwise int) int {
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
