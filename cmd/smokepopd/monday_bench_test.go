package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/simulator"
)

// Monday at nine, on real sockets and with the daemon as a process of its own:
// 40 known people call, each on eight phones, a webhook for each phone. p50-ms
// and p95-ms are from the webhook sent to the pop's frame received; bound-p50-ms
// and bound-p95-ms are what Smokeball's bucket (5 a second, a burst of 5, newest
// ring first) and its latency alone would make of the same calls.
func BenchmarkMonday(b *testing.B) {
	const (
		calls, phones = 40, 8
		latency       = 150 * time.Millisecond
	)
	limit := simulator.RateLimit{Slack: -1}
	for _, within := range []time.Duration{10 * time.Second, 2 * time.Second} {
		b.Run(fmt.Sprintf("calls=%d/within=%s", calls, within), func(b *testing.B) {
			in := install(b, largeFirm(phones), func(o *simulator.Options) { o.RateLimit = limit }, func(settings map[string]any) {
				settings["log"] = map[string]any{"level": "warn"}
				setTenant(settings, "lookup", "matters", false)
				// By default a look-up has 3 s in all and is dropped when its turn
				// comes later. Of 40 calls in 2 s the last one's turn comes after 8 s:
				// what is measured here is the wait, so nobody is dropped.
				setTenant(settings, "lookup", "timeout", "15s")
			})
			in.serve()
			c := &crowd{b: b, in: in, http: &http.Client{Timeout: waitAtMost, Transport: &http.Transport{MaxIdleConnsPerHost: phones}}}
			b.Cleanup(c.http.CloseIdleConnections)
			visitors := c.signIn()
			for i, v := range visitors {
				v.finishPairing(v.callback(in.smokeball(), in.firm().Agents[i].Email))
			}
			c.watch(visitors)
			in.smokeball().Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Latency: latency})
			for _, w := range c.screens { // opens the connections
				c.call(w, "first-"+w.extension, in.firm().Callers[0].E164())
			}

			var took, bound []time.Duration
			for round := 0; b.Loop(); round++ {
				<-time.After(2 * time.Second) // Smokeball's bucket is full again
				in.smokeball().Forget()
				of := c.monday(round, calls, within)
				took = append(took, of.took...)
				for _, wait := range limit.NewestFirst(of.rang) {
					bound = append(bound, wait+latency)
				}
				if n := in.smokeball().Count(simulator.ContactsEndpoint); n > calls || in.smokeball().RateLimited() != 0 {
					b.Errorf("%d searches for %d rings, %d too fast", n, calls*phones, in.smokeball().RateLimited())
				}
			}
			for name, of := range map[string][]time.Duration{"": took, "bound-": bound} {
				slices.Sort(of)
				for _, percent := range []int{50, 95} {
					b.ReportMetric(float64(of[len(of)*percent/100-1].Microseconds())/1000, fmt.Sprintf("%sp%d-ms", name, percent))
				}
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// morning is how long each pop took, and when each call began.
type morning struct{ took, rang []time.Duration }

// monday lets new callers ring on all phones, at any moments within a time: at
// even distances, whoever rings in the very moment that a request is free would
// decide what is measured.
func (c *crowd) monday(round, calls int, within time.Duration) morning {
	c.b.Helper()
	sent := make([]time.Time, calls)
	var ringing [][]byte
	for i := range calls {
		last := fmt.Sprintf("555%04d", 1000+(round*calls+i)%9000)
		c.in.smokeball().PutContacts(simulator.Contact{
			ID:     fmt.Sprintf("00000000-0000-4000-8000-%012d", round*calls+i),
			Person: &simulator.Person{LastName: fmt.Sprint("Caller ", i), Cell: simulator.Phone{AreaCode: "508", Number: last}},
		})
		for _, w := range c.screens {
			body, err := json.Marshal(event{"event": "ringing", "call_id": mondayCall(round, i), "from": "508" + last, "extension": w.extension, "direction": "inbound", "to": w.extension})
			if err != nil {
				c.b.Fatal(err)
			}
			ringing = append(ringing, body)
		}
	}
	// The screens are read while it rings, as they are in a browser.
	pops := make([]map[int]time.Time, len(c.screens))
	var rings, reading sync.WaitGroup
	for k, w := range c.screens {
		reading.Go(func() { pops[k] = w.pops(round, calls) })
	}
	start := time.Now()
	for i, at := range moments(uint64(round), calls, within) {
		<-time.After(time.Until(start.Add(at)))
		sent[i] = time.Now()
		for k := range c.screens {
			rings.Go(func() { c.send(ringing[i*len(c.screens)+k]) })
		}
	}
	rings.Wait()

	var m morning
	for _, at := range sent {
		m.rang = append(m.rang, at.Sub(start))
	}
	reading.Wait()
	for k, w := range c.screens {
		if len(pops[k]) != calls {
			c.b.Fatalf("%d of %d calls popped at %s", len(pops[k]), calls, w.extension)
		}
		for i, at := range pops[k] {
			m.took = append(m.took, at.Sub(sent[i]))
		}
	}
	return m
}

// moments returns n moments within a time, in their order.
func moments(seed uint64, n int, within time.Duration) []time.Duration {
	random := rand.New(rand.NewPCG(seed, 9))
	at := make([]time.Duration, n)
	for i := range at {
		at[i] = time.Duration(random.Int64N(int64(within)))
	}
	slices.Sort(at)
	return at
}

func mondayCall(round, i int) string { return fmt.Sprintf("monday-%d-%d", round, i) }

// pops reads a screen until every call of a round has popped, and returns when
// each did; fewer when no more come.
func (w watched) pops(round, calls int) map[int]time.Time {
	popped := map[int]time.Time{}
	for len(popped) < calls {
		select {
		case a, open := <-w.arrived:
			if !open {
				return popped
			}
			var f frame
			if json.Unmarshal(a.frame, &f) != nil || f["type"] != "pop" {
				continue
			}
			for i := range calls {
				if dig(f, "pop", "call", "id") == mondayCall(round, i) {
					popped[i] = a.at
				}
			}
		case <-time.After(waitAtMost):
			return popped
		}
	}
	return popped
}
