package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/smokepop/smokepop/internal/simulator"
)

// benchScreens is how many agents are there, with one open screen each.
const benchScreens = 1000

// arrival is a frame and when it was here.
type arrival struct {
	at    time.Time
	frame []byte
}

// watched is a screen that is read all the time: it answers pings as a browser
// does.
type watched struct {
	extension string
	arrived   chan arrival
}

// crowd is the agents of an installation with their screens.
type crowd struct {
	b       *testing.B
	in      *installation
	http    *http.Client
	screens []watched
}

// gather installs a daemon for the crowd. Daemon and crowd share the machine but not the process.
func gather(b *testing.B, change func(map[string]any), env ...string) *crowd {
	b.Helper()
	in := install(b, largeFirm(benchScreens), unlimited, func(settings map[string]any) {
		settings["log"] = map[string]any{"level": "warn"}
		setTenant(settings, "smokeball", "requests_per_second", 1_000_000)
		setTenant(settings, "smokeball", "burst", 1_000_000)
		setTenant(settings, "lookup", "matters", false)
		if change != nil {
			change(settings)
		}
	})
	in.serve(env...)
	c := &crowd{b: b, in: in, http: &http.Client{Timeout: waitAtMost, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}}
	b.Cleanup(c.http.CloseIdleConnections)
	return c
}

// signIn signs every agent in.
func (c *crowd) signIn() []*visitor {
	c.b.Helper()
	admin := newAdminClient(c.in.socket)
	defer admin.http.CloseIdleConnections()
	visitors := make([]*visitor, len(c.in.firm().Agents))
	for i, a := range c.in.firm().Agents {
		url, err := c.in.world.invite(c.b.Context(), admin, c.in.firm().Domain, a.Extension)
		if err != nil {
			c.b.Fatal(err)
		}
		visitors[i] = signIn(c.b, url)
	}
	return visitors
}

// watch opens a screen for each visitor.
func (c *crowd) watch(visitors []*visitor) {
	c.b.Helper()
	var readers sync.WaitGroup
	var open []*websocket.Conn
	c.b.Cleanup(func() {
		for _, conn := range open {
			_ = conn.Close()
		}
		readers.Wait()
	})
	for i, v := range visitors {
		conn, _, err := v.dial("smokepop.v1")
		if err != nil {
			c.b.Fatal(err)
		}
		open = append(open, conn)
		if _, _, err := conn.ReadMessage(); err != nil { // hello
			c.b.Fatal(err)
		}
		w := watched{c.in.firm().Agents[i].Extension, make(chan arrival, 16)}
		c.screens = append(c.screens, w)
		readers.Go(func() {
			for {
				_, frame, err := conn.ReadMessage()
				if err != nil {
					close(w.arrived)
					return
				}
				w.arrived <- arrival{time.Now(), frame}
			}
		})
	}
}

// send sends a webhook over a connection that stays open, as a PBX's does.
func (c *crowd) send(body []byte) {
	c.b.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, c.in.world.public+"/hooks/vodia/"+c.in.firm().Domain, bytes.NewReader(body))
	if err != nil {
		c.b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth(c.in.world.access.Username, c.in.world.access.Password)
	res, err := c.http.Do(req)
	if err != nil {
		c.b.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		c.b.Fatalf("webhook: %s", res.Status)
	}
}

// await reads a screen up to a frame of a kind.
func (c *crowd) await(w watched, kind string) time.Time {
	c.b.Helper()
	for {
		select {
		case a, open := <-w.arrived:
			if !open {
				c.b.Fatal("the screen was closed")
			}
			if bytes.HasPrefix(a.frame, []byte(`{"type":"`+kind+`"`)) {
				return a.at
			}
		case <-time.After(waitAtMost):
			c.b.Fatalf("no %s came", kind)
		}
	}
}

// Webhook sent to websocket frame received, one call after another round the
// agents, while all the other screens are connected. p50-us and p99-us are
// that; the time of an operation has the call's end in it as well.
func BenchmarkRingToPop(b *testing.B) {
	for _, bc := range []struct{ name, cache string }{{"cached", "1h"}, {"uncached", "0s"}} {
		b.Run(bc.name, func(b *testing.B) {
			c := gather(b, func(settings map[string]any) { setTenant(settings, "lookup", "cache", bc.cache) })
			visitors := c.signIn()
			for i, v := range visitors {
				v.finishPairing(v.callback(c.in.smokeball(), c.in.firm().Agents[i].Email))
			}
			c.watch(visitors)
			maria := c.in.firm().Callers[0]
			// The first call opens the connections, and fills the cache.
			c.call(c.screens[0], "first", maria.E164())
			c.in.smokeball().Forget()
			var took []time.Duration
			for n := 0; b.Loop(); n++ {
				took = append(took, c.call(c.screens[n%len(c.screens)], fmt.Sprint("call-", n), maria.E164()))
			}
			if asked := c.in.smokeball().Count(simulator.ContactsEndpoint); bc.cache == "1h" && asked != 0 || bc.cache == "0s" && asked != len(took) {
				b.Fatalf("%d searches for %d calls", asked, len(took))
			}
			slices.Sort(took)
			at := func(share float64) float64 {
				return float64(took[min(len(took)-1, int(share*float64(len(took))))].Microseconds())
			}
			b.ReportMetric(at(.50), "p50-us")
			b.ReportMetric(at(.99), "p99-us")
			b.ReportMetric(float64(len(c.screens)), "screens")
		})
	}
}

// call lets a phone ring and the call end, and returns how long the pop took.
func (c *crowd) call(w watched, id, from string) time.Duration {
	c.b.Helper()
	ringing, err := json.Marshal(event{"event": "ringing", "call_id": id, "from": from, "to": w.extension})
	if err != nil {
		c.b.Fatal(err)
	}
	ended := fmt.Appendf(nil, `{"event":"terminated","call_id":%q}`, id)
	sent := time.Now()
	c.send(ringing)
	took := c.await(w, "pop").Sub(sent)
	c.send(ended)
	c.await(w, "end")
	return took
}

// What a screen costs the daemon that nothing happens on: resident memory, and
// the heap and stacks in use. As it runs by default, garbage of the handshakes
// is in both; with an eager collector hardly any is.
func BenchmarkIdleScreen(b *testing.B) {
	for _, gogc := range []string{"100", "10"} {
		b.Run("GOGC="+gogc, func(b *testing.B) {
			// There is nothing to repeat b.N times: one crowd is measured.
			c := gather(b, nil, "GOGC="+gogc)
			visitors := c.signIn()
			resident, inUse := c.memory()
			c.watch(visitors)
			residentThen, inUseThen := c.memory()
			b.ReportMetric((residentThen-resident)/benchScreens, "RSS-KiB/screen")
			b.ReportMetric((inUseThen-inUse)/benchScreens, "in-use-KiB/screen")
			b.ReportMetric(residentThen/1024, "RSS-MiB")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// memory returns how much of the daemon is resident and how much of that its
// runtime has in use, in KiB.
func (c *crowd) memory() (resident, inUse float64) {
	c.b.Helper()
	res, err := c.http.Get("http://" + c.in.ops + "/metrics")
	if err != nil {
		c.b.Fatal(err)
	}
	defer res.Body.Close()
	gauges := map[string]float64{}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		gauges[name], _ = strconv.ParseFloat(value, 64)
	}
	resident = gauges["process_resident_memory_bytes"] / 1024
	inUse = (gauges["go_memstats_heap_inuse_bytes"] + gauges["go_memstats_stack_inuse_bytes"]) / 1024
	if resident == 0 || inUse == 0 {
		c.b.Fatal("the daemon does not tell its memory")
	}
	return resident, inUse
}
