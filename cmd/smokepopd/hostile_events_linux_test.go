package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/simulator"
)

// rawEvent is a webhook as bytes, with a body that may be longer than said.
func (s *siege) rawEvent(body string, length int) []byte {
	credentials, _ := http.NewRequest(http.MethodPost, "/", nil)
	credentials.SetBasicAuth(s.world.access.Username, s.world.access.Password)
	return fmt.Appendf(nil, "POST /hooks/vodia/%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n%s",
		s.firm().Domain, strings.TrimPrefix(s.world.public, "http://"), credentials.Header.Get("Authorization"), length, body)
}

// answers counts what webhooks were answered, by status.
type answers struct {
	mu       sync.Mutex
	by       map[int]int
	unasked  int // 503 without Retry-After
	accepted []time.Duration
}

// p99 is of those that were accepted.
func (a *answers) p99() time.Duration {
	if len(a.accepted) == 0 {
		return 0
	}
	slices.Sort(a.accepted)
	return a.accepted[len(a.accepted)*99/100].Round(10 * time.Microsecond)
}

// flood sends n events, as fast as it goes, over so many connections.
func (s *siege) flood(conns, n int, body func(i int) string) *answers {
	s.t.Helper()
	got := &answers{by: map[int]int{}}
	var next atomic.Int64
	var senders sync.WaitGroup
	for _, c := range s.connect(conns) {
		senders.Go(func() {
			_ = c.SetDeadline(time.Now().Add(100 * time.Second))
			r := bufio.NewReader(c)
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				b := body(i)
				began := time.Now()
				if _, err := c.Write(s.rawEvent(b, len(b))); err != nil {
					s.t.Errorf("event %d: %v", i, err)
					return
				}
				res, err := http.ReadResponse(r, nil)
				if err != nil {
					s.t.Errorf("event %d: %v", i, err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				took := time.Since(began)
				got.mu.Lock()
				got.by[res.StatusCode]++
				if res.StatusCode == http.StatusServiceUnavailable && res.Header.Get("Retry-After") == "" {
					got.unasked++
				}
				if res.StatusCode == http.StatusAccepted {
					got.accepted = append(got.accepted, took)
				}
				got.mu.Unlock()
			}
		})
	}
	senders.Wait()
	return got
}

// Ten times the events that the flow has room for (8,192), while Smokeball hangs.
// With the budget of requests there is by default, look-ups that it has no room
// for come to nothing at once; with one far larger they wait for Smokeball, the
// flow fills, and events beyond its room are told to come again. Memory is
// bounded, and as soon as the flood is over calls pop.
func TestHostileFlood(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, timeout string
		perSecond     any
		most          float64 // MiB
	}{
		{"5 requests a second", "3s", nil, 160},
		{"1,000 requests a second", "10s", 1000, 512},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.perSecond != nil && force(0, 1) == 0 {
				t.Skip("with make hostile: it holds thousands of connections")
			}
			firm := largeFirm(2)
			s := besiege(t, firm, unlimited, func(settings map[string]any) {
				setTenant(settings, "lookup", "timeout", c.timeout)
				setTenant(settings, "smokeball", "requests_per_second", c.perSecond)
				setTenant(settings, "smokeball", "burst", c.perSecond)
				if c.perSecond == nil {
					for _, key := range []string{"requests_per_second", "burst"} {
						delete(settings["tenants"].([]map[string]any)[0]["smokeball"].(map[string]any), key)
					}
				}
			}, "GOMEMLIMIT=256MiB")
			s.withstands(firm.Agents[1], c.most)
			s.leaves()
		})
	}
}

// withstands floods an agent with calls of strangers while Smokeball hangs.
func (s *siege) withstands(victim simulator.Agent, bound float64) {
	t := s.t
	t.Helper()
	s.join(victim.Extension).pair(s.smokeball(), victim.Email)
	ringing := func(prefix string) func(int) string {
		return func(i int) string {
			return fmt.Sprintf(`{"event":"ringing","call_id":"%s-%d","from":"+1781%07d","to":"%s"}`, prefix, i, 2000000+i, victim.Extension)
		}
	}
	before := s.pops5()
	calm := s.flood(16, 500, ringing("calm"))
	undo := s.smokeball().Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Stall: true})
	n := force(10_000, 82_000)
	began := time.Now()
	got := s.flood(16, n, ringing("flood"))
	rate := float64(n) / time.Since(began).Seconds()
	now, most := s.memory()
	t.Logf("%d events at %.0f/s while Smokeball hangs: %v; p99 of the accepted %v, %v in a calm of as many senders; %.1f MiB, at most %.1f",
		n, rate, got.by, got.p99(), calm.p99(), now, most)
	if got.unasked > 0 {
		t.Errorf("%d of 503 without Retry-After", got.unasked)
	}
	if got.by[http.StatusAccepted]+got.by[http.StatusServiceUnavailable] != n || got.by[http.StatusAccepted] == 0 {
		t.Errorf("answered %v", got.by)
	}
	if most > bound {
		t.Errorf("%.1f MiB at most, want %.1f", most, bound)
	}
	began = time.Now()
	s.await(func() bool {
		again := s.flood(1, 1, func(int) string {
			return fmt.Sprintf(`{"event":"ringing","call_id":"after the flood","from":%q,"to":%q}`, s.firm().Callers[0].E164(), s.me.Extension)
		})
		return again.by[http.StatusAccepted] == 1
	})
	s.frame("pop") // beside it the screen may be told that Smokeball does not answer
	t.Logf("a pop arrives %v after the flood, while Smokeball still hangs", time.Since(began).Round(time.Millisecond))
	undo()
	began = time.Now()
	s.await(func() bool { return s.metric("smokepop_events_pending") == "0" })
	t.Logf("no look-up waits %v after Smokeball answers", time.Since(began).Round(time.Millisecond))
	s.ring(event{"event": "terminated", "call_id": "after the flood"})
	s.frame("end")
	_ = s.sc.conn.Close()
	s.sc = s.v.open()
	t.Logf("a pop takes %v, %v before", s.pops5(), before)
}

// The ids of calls that never end: the table has its bound, and who is in it
// last still pops.
func TestHostileCallsThatNeverEnd(t *testing.T) {
	t.Parallel()
	firm := largeFirm(100)
	s := besiege(t, firm, unlimited, nil, "GOMEMLIMIT=128MiB")
	calm := s.pops5()
	before, _ := s.memory()
	n := force(3000, 100_000)
	began := time.Now()
	got := s.flood(16, n, func(i int) string {
		return fmt.Sprintf(`{"event":"ringing","call_id":"never-%d","from":"+1781%07d","to":"%s"}`, i, 2000000+i%1000, firm.Agents[1+i%99].Extension)
	})
	rate := float64(n) / time.Since(began).Seconds()
	now, most := s.memory()
	t.Logf("%d calls that never end at %.0f/s: %v; %.1f MiB before, %.1f after, %.1f at most; tracked %s; a pop takes %v, %v before",
		n, rate, got.by, before, now, most, s.metric(`smokepop_tracked_calls{state="live"}`), s.pops5(), calm)
	if got.unasked > 0 || got.by[http.StatusAccepted]+got.by[http.StatusServiceUnavailable]+got.by[http.StatusOK] != n {
		t.Errorf("answered %v, %d of 503 without Retry-After", got.by, got.unasked)
	}
	if most > 200 {
		t.Errorf("%.1f MiB at most", most)
	}
	s.leaves()
}

// Bodies made to cost more than their bytes: keys that fall into one bucket of
// a weak hash, as many as fit, the deepest nesting, numbers of 10,000 digits.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	s := besiege(t, simulator.NewFirm(), unlimited, nil)
	good := `"event":"ringing","call_id":"c","from":"6175550000","to":"` + s.me.Extension + `"`
	var keys, colliding strings.Builder
	for i := 0; keys.Len() < 60_000; i++ {
		fmt.Fprintf(&keys, `"k%d":1,`, i)
	}
	// "Aa" and "BB" have the same sum in hashes that multiply by 31.
	for i := 0; colliding.Len() < 60_000; i++ {
		key := make([]string, 12)
		for b := range key {
			key[b] = []string{"Aa", "BB"}[i>>b&1]
		}
		fmt.Fprintf(&colliding, `"%s":1,`, strings.Join(key, ""))
	}
	digits := strings.Repeat("6173998147", 1000)
	took := map[string]time.Duration{}
	for _, c := range []struct {
		name, body string
		want       []int
	}{
		{"a plain event", "{" + good + "}", []int{200, 202}},
		{"60 KB of keys", "{" + keys.String() + good + "}", []int{200, 202, 400}},
		{"60 KB of keys of one hash", "{" + colliding.String() + good + "}", []int{200, 202, 400}},
		{"60 KB of brackets", "{" + good + `,"x":` + strings.Repeat("[", 60_000), []int{400}},
		{"a caller of 10,000 digits", strings.Replace("{"+good+"}", "6175550000", digits, 1), []int{400}},
		{"a call id that is a number of 10,000 digits", strings.Replace("{"+good+"}", `"c"`, digits, 1), []int{400}},
	} {
		began := time.Now()
		got := s.flood(1, 20, func(int) string { return c.body })
		took[c.name] = time.Since(began) / 20
		n := 0
		for _, status := range c.want {
			n += got.by[status]
		}
		if n != 20 {
			t.Errorf("%s: answered %v", c.name, got.by)
		}
		t.Logf("%-45s %v a request: %v", c.name, took[c.name].Round(time.Microsecond), got.by)
	}
	_, most := s.memory()
	t.Logf("%.1f MiB at most", most)
	s.leaves()
}

// Names of a mebibyte, and answers beyond what is read, from Smokeball.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	s := besiege(t, simulator.NewFirm(), unlimited, nil)
	for i, size := range []int{1 << 20, 3 << 20} {
		s.smokeball().PutContacts(simulator.Contact{ID: fmt.Sprintf("5c41a9c1-0000-4000-8000-00000000001%d", i), Person: &simulator.Person{
			FirstName: "Big", LastName: strings.Repeat("x", size), Cell: simulator.Phone{AreaCode: "401", Number: fmt.Sprintf("555016%d", i)},
		}})
		id := fmt.Sprint("big-", i)
		began := time.Now()
		s.ring(event{"event": "ringing", "call_id": id, "from": fmt.Sprintf("+1401555016%d", i), "to": s.me.Extension})
		verdict := s.lookedUp(id)
		took := time.Since(began)
		s.ring(event{"event": "terminated", "call_id": id})
		largest := 0
		for {
			raw := s.sc.raw()
			largest = max(largest, len(raw))
			var f frame
			if err := json.Unmarshal(raw, &f); err != nil {
				t.Fatal(err)
			}
			s.sc.seq = f["seq"].(float64)
			if f["type"] == "end" || f["type"] == "past" {
				break
			}
		}
		_, most := s.memory()
		t.Logf("a name of %d MiB: the look-up says %v after %v, the largest frame has %d bytes; %.1f MiB at most", size>>20, verdict, took.Round(time.Millisecond), largest, most)
		if largest > 64<<10 {
			t.Errorf("a frame of %d bytes", largest)
		}
	}
	t.Logf("a pop takes %v", s.pops5())
	s.leaves()
}
