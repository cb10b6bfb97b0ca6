package push

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Everything with time runs on synctest's clock: the real hub behind a real
// HTTP server, over pipes instead of sockets. A pipe holds nothing, and so a
// client that does not read stops the writer at once.

type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "pipe"} }

type allPaired struct{}

func (allPaired) Pairing(screenpop.AgentID) screenpop.Pairing {
	return screenpop.Pairing{State: screenpop.Paired}
}

var tom = screenpop.AgentID{Tenant: "firm.example.com", Extension: "102"}

type clockRig struct {
	*Hub
	t     *testing.T
	pipes *pipes
}

func inBubble(t *testing.T, limits Limits, do func(*clockRig)) {
	synctest.Test(t, func(t *testing.T) {
		g := &clockRig{t: t, pipes: &pipes{conns: make(chan net.Conn), done: make(chan struct{})}}
		g.Hub = New(Config{Origin: "https://pop.firm.example", Pairings: allPaired{}, Metrics: prometheus.NewRegistry(), Limits: limits})
		server := &http.Server{
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				g.Serve(w, r, Viewer{Agent: screenpop.Agent{AgentID: tom}, Session: "s"})
			}),
			ReadTimeout: time.Second, WriteTimeout: time.Second, // they must not outlive the hijack
		}
		go func() { _ = server.Serve(g.pipes) }() // ends with server.Close
		do(g)
		if err := g.Close(context.Background()); err != nil {
			t.Error(err)
		}
		server.Close()
	})
}

func (g *clockRig) open() *websocket.Conn {
	g.t.Helper()
	d := websocket.Dialer{
		Subprotocols: []string{Subprotocol},
		NetDialContext: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			g.pipes.conns <- server
			return client, nil
		},
	}
	conn, _, err := d.Dial("ws://pipes/", http.Header{"Origin": {"https://pop.firm.example"}})
	if err != nil {
		g.t.Fatal(err)
	}
	return conn
}

func (g *clockRig) closed(code CloseCode) int {
	return int(testutil.ToFloat64(g.metrics.closed.WithLabelValues(code.String())))
}

// drain reads everything a browser is sent and returns how it ended.
func drain(conn *websocket.Conn) <-chan error {
	ended := make(chan error, 1)
	go func() {
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				conn.Close()
				ended <- err
				return
			}
		}
	}()
	return ended
}

// pass lets time of the bubble's clock go by.
func pass(d time.Duration) { <-time.After(d) }

// A message may come in pieces, and not for ever: pings alone would keep a
// socket that sends empty pieces without end.
func TestAMessageThatNeverEndsIsCutOff(t *testing.T) {
	inBubble(t, Limits{}, func(g *clockRig) {
		conn := g.open()
		ended := drain(conn)
		if _, err := conn.UnderlyingConn().Write([]byte{1, 0x80 | 1, 0, 0, 0, 0, '{'}); err != nil { // a text's first piece
			t.Fatal(err)
		}
		pass(messageTimeout + time.Second)
		synctest.Wait()
		if g.Screens(tom) != 0 {
			t.Error("the socket is still open")
		}
		<-ended
	})
}

func TestIdleScreenStaysOpenByPings(t *testing.T) {
	inBubble(t, Limits{}, func(g *clockRig) {
		conn := g.open()
		var pings []time.Time
		answer := conn.PingHandler()
		conn.SetPingHandler(func(data string) error {
			pings = append(pings, time.Now())
			return answer(data)
		})
		ended := drain(conn)
		pass(time.Hour)
		synctest.Wait()
		if g.Screens(tom) != 1 {
			t.Fatalf("the screen was closed: %v", <-ended)
		}
		// A tick of the heart may come an eighth of the interval late.
		const least, most = 20 * time.Second, 30*time.Second + 25*time.Second/beats
		gaps := map[time.Duration]bool{}
		for i := 1; i < len(pings); i++ {
			gap := pings[i].Sub(pings[i-1])
			gaps[gap] = true
			if gap < least || gap > most {
				t.Errorf("ping %d came after %v", i, gap)
			}
		}
		if len(gaps) < 2 || len(pings) < 100 {
			t.Errorf("%d pings in an hour at %d distances: no jitter", len(pings), len(gaps))
		}
	})
}

func TestSilentBrowserIsCut(t *testing.T) {
	inBubble(t, Limits{}, func(g *clockRig) {
		conn := g.open()
		conn.SetPingHandler(func(string) error { return nil }) // reads, but does not answer
		opened := time.Now()
		ended := drain(conn)
		<-ended
		synctest.Wait()
		if after := time.Since(opened); after < time.Minute || after > time.Minute+4*time.Second {
			t.Errorf("cut after %v", after)
		}
		if g.Screens(tom) != 0 || g.closed(silent) != 1 {
			t.Errorf("%d screens, %d counted as silent", g.Screens(tom), g.closed(silent))
		}
	})
}

func TestWriteDeadline(t *testing.T) {
	inBubble(t, Limits{}, func(g *clockRig) {
		conn := g.open() // hello came with the handshake; what comes now is never read
		g.Pop(tom, screenpop.Pop{ID: "1"}, time.Now())
		pass(9 * time.Second)
		synctest.Wait()
		if g.Screens(tom) != 1 {
			t.Error("closed before the write deadline")
		}
		pass(2 * time.Second)
		synctest.Wait()
		if g.Screens(tom) != 0 || g.closed(TooSlow) != 1 {
			t.Errorf("%d screens, %d counted as too slow", g.Screens(tom), g.closed(TooSlow))
		}
		conn.Close()
	})
}

// Nothing a publisher calls may wait for a browser: with the clock standing
// still, each call comes back.
func TestPublisherNeverWaits(t *testing.T) {
	inBubble(t, Limits{Queue: 4}, func(g *clockRig) {
		conn := g.open()
		before := time.Now()
		for i := range 100 {
			g.Pop(tom, screenpop.Pop{ID: fmt.Sprint(i)}, before)
			g.Update(tom, screenpop.Pop{ID: fmt.Sprint(i)})
			g.End(tom, fmt.Sprint(i), screenpop.EndTerminated, "")
			g.PairingChanged(tom, screenpop.Pairing{State: screenpop.Paired})
			g.Past(tom, screenpop.EndedPop{Ended: before})
			g.Service(tom.Tenant, []ServiceState{ServiceOK, ServiceNotAnswering}[i%2])
			g.Screens(tom)
		}
		g.CloseSession("s", SignedOut)
		g.CloseAgent(tom, SignedOut)
		if now := time.Now(); !now.Equal(before) {
			t.Errorf("publishing took %v of the clock", now.Sub(before))
		}
		if g.closed(TooSlow) != 1 {
			t.Errorf("%d counted as too slow", g.closed(TooSlow))
		}
		conn.Close()
	})
}

// A browser that never answers the close frame is given CloseGrace, no more.
func TestCloseGrace(t *testing.T) {
	inBubble(t, Limits{}, func(g *clockRig) {
		conn := g.open()
		conn.SetCloseHandler(func(int, string) error { return nil })
		if _, _, err := conn.ReadMessage(); err != nil {
			t.Fatal(err)
		}
		g.CloseSession("s", SignedOut)
		begun := time.Now()
		_, _, err := conn.ReadMessage()
		if !websocket.IsCloseError(err, int(SignedOut)) {
			t.Errorf("closed with %v", err)
		}
		if _, err := conn.NetConn().Read(make([]byte, 1)); err == nil {
			t.Error("more after the close frame")
		}
		if after := time.Since(begun); after != 2*time.Second {
			t.Errorf("the connection ended after %v", after)
		}
	})
}

func TestRecentPopsAreForgottenAndTheRoomWithThem(t *testing.T) {
	inBubble(t, Limits{}, func(g *clockRig) {
		g.Pop(tom, screenpop.Pop{ID: "a"}, time.Now())
		g.End(tom, "a", screenpop.EndTerminated, "")
		rooms := func() (n int) {
			for i := range g.shards {
				g.shards[i].mu.Lock()
				n += len(g.shards[i].rooms)
				g.shards[i].mu.Unlock()
			}
			return n
		}
		pass(12*time.Hour - time.Second)
		synctest.Wait()
		if rooms() != 1 {
			t.Error("forgotten within the day")
		}
		pass(10 * time.Second)
		synctest.Wait()
		if n := rooms(); n != 0 {
			t.Errorf("%d rooms are kept for nobody", n)
		}
	})
}

// A restart spreads its closes, and keeps to half of the time it has.
func TestCloseIsSpread(t *testing.T) {
	for _, c := range []struct {
		name    string
		budget  time.Duration
		screens int
		most    time.Duration
	}{
		{"few screens close at once", time.Hour, 2, 2 * pace},
		{"many screens take their pace", time.Hour, 60, 60 * pace},
		{"half of what there is", 60 * time.Millisecond, 60, 30 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, Limits{}, func(g *clockRig) {
				var ended []<-chan error
				for range c.screens {
					ended = append(ended, drain(g.open()))
				}
				ctx, cancel := context.WithTimeout(g.t.Context(), c.budget)
				defer cancel()
				begun := time.Now()
				if err := g.Close(ctx); err != nil {
					t.Error(err)
				}
				took := time.Since(begun)
				if took > c.most || took < c.most/2 {
					t.Errorf("took %v, want at most %v and not much less", took, c.most)
				}
				for _, e := range ended {
					if err := <-e; !websocket.IsCloseError(err, int(Restart)) {
						t.Errorf("closed with %v", err)
					}
				}
			})
		})
	}
}

func TestCloseCutsOffWhoDoesNotAnswer(t *testing.T) {
	inBubble(t, Limits{}, func(g *clockRig) {
		conn := g.open() // reads nothing
		ctx, cancel := context.WithTimeout(g.t.Context(), 300*time.Millisecond)
		defer cancel()
		begun := time.Now()
		if err := g.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close: %v", err)
		}
		if took := time.Since(begun); took != 300*time.Millisecond {
			t.Errorf("took %v", took)
		}
		conn.Close()
	})
}

// What a browser may say is counted anew every ten seconds.
func TestIntake(t *testing.T) {
	in := &intake{limit: 3}
	now := time.Now()
	for i, want := range []bool{true, true, true, false, false} {
		if got := in.allow(now); got != want {
			t.Errorf("message %d: %v", i, got)
		}
	}
	if in.allow(now.Add(intakeWindow)) || !in.allow(now.Add(intakeWindow+1)) {
		t.Error("the count does not start anew when the window is over")
	}
}
