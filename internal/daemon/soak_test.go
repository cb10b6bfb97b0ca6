package daemon

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/smokepop/smokepop/internal/simulator"
)

// ledger is the PBX's way to us, with a note of what was sent and what came
// back.
type ledger struct {
	next http.RoundTripper

	mu       sync.Mutex
	requests int
	results  map[string]int
	reasons  map[string]int
	rung     map[string]bool // call and extension of each leg that rang or was answered, since the last night
	legs     int             // and in all the days before
}

func (l *ledger) RoundTrip(r *http.Request) (*http.Response, error) {
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(sent))
	res, err := l.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(answer))
	if err != nil {
		return nil, err
	}
	var event struct {
		Event  string
		CallID string `json:"call_id"`
	}
	var verdict struct {
		Result, Reason string
		Agents         []string
	}
	_ = json.Unmarshal(sent, &event)
	_ = json.Unmarshal(answer, &verdict)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	l.results[verdict.Result]++
	if verdict.Reason != "" {
		l.reasons[verdict.Reason]++
	}
	if event.Event != "call" { // the PBX's name of an end
		for _, a := range verdict.Agents {
			l.rung[event.CallID+" "+a] = true
		}
	}
	return res, nil
}

// night forgets the calls of the day, which are over, and keeps their number.
func (l *ledger) night() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.legs += len(l.rung)
	l.rung = map[string]bool{}
}

// counts returns a metric's values by its one label, those that are not 0.
func (f *office) counts(name string) map[string]int {
	f.t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(f.metrics()))
	if err != nil {
		f.t.Fatal(err)
	}
	out := map[string]int{}
	for _, m := range families[name].GetMetric() {
		if v := m.GetCounter().GetValue(); v != 0 {
			out[m.GetLabel()[0].GetValue()] = int(v)
		}
	}
	return out
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// soakDays is how many days pass in TestSoak: SMOKEPOP_SOAK_DAYS, or 1.
func soakDays(t *testing.T) int {
	t.Helper()
	days, err := strconv.Atoi(os.Getenv("SMOKEPOP_SOAK_DAYS"))
	if os.Getenv("SMOKEPOP_SOAK_DAYS") == "" {
		return 1
	}
	if err != nil || days < 1 {
		t.Fatal("SMOKEPOP_SOAK_DAYS is no number of days")
	}
	return days
}

// Weeks of a firm of 200 extensions, whose PBX loses, repeats, swaps and delays
// webhooks and whose Smokeball fails now and then: nothing grows from one night
// to the next, and every event and every call is accounted for, to the last one.
func TestSoak(t *testing.T) {
	days := soakDays(t)
	dir := t.TempDir()
	book := &ledger{results: map[string]int{}, reasons: map[string]int{}, rung: map[string]bool{}}
	synctest.Test(t, func(t *testing.T) {
		firm := largeFirm(200)
		place := map[string]int{}
		for i, a := range firm.Agents {
			place[a.Extension] = i
		}
		f := openOffice(t, officeOptions{
			firms: []*simulator.Firm{firm}, dir: dir,
			desks: func(a simulator.Agent) bool { return place[a.Extension]%10 == 0 },
			pbx: func(o *simulator.PBXOptions) {
				book.next = o.HTTP.Transport
				o.HTTP = &http.Client{Transport: book}
			},
		})
		defer f.stop()
		crm := f.firms[0].smokeball
		shown := 0
		tidy := func() {
			crm.Forget()
			for _, d := range f.desks {
				d.mu.Lock()
				shown += sum(d.pops)
				for _, w := range d.wrong {
					t.Errorf("extension %s: %s", d.agent.Extension, w)
				}
				d.wrong = nil
				d.mu.Unlock()
				d.tidy()
			}
		}
		type night struct {
			heap       int64
			goroutines int
			files      int
		}
		var nights []night
		began := time.Now()
		for day := range days {
			for h := range 10 { // a working day, and then the night
				var lines sync.WaitGroup
				for i := range 4 {
					lines.Go(func() {
						const calls = 50
						err := simulator.Traffic{
							PBX: f.firms[0].pbx, Firm: firm, PerMinute: calls / 55.0, Agent: firm.Agents[((day+h)*40+i*10)%len(firm.Agents)].Extension, Calls: calls,
							Disorder: simulator.Disorder{Drop: .03, Repeat: .05, Swap: .05, Delay: .05}, Seed: uint64((day*10+h)*4 + i),
						}.Run(t.Context())
						if err != nil {
							t.Error(err)
						}
					})
				}
				if h%4 == 3 { // an hour in which Smokeball fails a quarter of the time
					lines.Go(func() {
						for range 15 {
							undo := crm.Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Status: 503})
							time.Sleep(time.Minute)
							undo()
							time.Sleep(3 * time.Minute)
						}
					})
				}
				lines.Wait()
				time.Sleep(time.Until(began.Add(time.Duration(day*24+h+1) * time.Hour)))
				tidy()
			}
			time.Sleep(time.Until(began.Add(time.Duration(day+1) * 24 * time.Hour)))
			tidy()
			book.night()
			for _, state := range []string{"live", "over"} {
				if n := f.metric(`smokepop_tracked_calls{state="` + state + `"}`); n != 0 {
					t.Errorf("night %d: %v calls are remembered as %s", day, n, state)
				}
			}
			nights = append(nights, night{heap(), runtime.NumGoroutine(), openDescriptors(t)})
		}

		events, skipped, calls := f.counts("smokepop_events_total"), f.counts("smokepop_events_skipped_total"), f.counts("smokepop_calls_total")
		book.mu.Lock()
		defer book.mu.Unlock()
		if sum(events) != book.requests || events["accepted"] != book.results["accepted"] || events["skipped"] != book.results["skipped"] {
			t.Errorf("%d webhooks were sent and answered %v; counted are %v", book.requests, book.results, events)
		}
		if !maps.Equal(skipped, book.reasons) {
			t.Errorf("skipped are %v, the answers said %v", skipped, book.reasons)
		}
		joined := int(f.metric("smokepop_legs_joined_total"))
		if sum(calls)+joined != book.legs {
			t.Errorf("%d calls rang at agents' phones; accounted for are %d, of which %d joined another: %v", book.legs, sum(calls)+joined, joined, calls)
		}
		pops := sum(f.counts("smokepop_pops_total"))
		if pops != shown || pops > calls["matched"] {
			t.Errorf("%d pops were shown, %d counted, %d calls matched", shown, pops, calls["matched"])
		}
		first, last := nights[0], nights[len(nights)-1]
		t.Logf("%d days: %d webhooks, %d calls at agents' phones, of which %d joined another, %d pops; %v", days, book.requests, book.legs, joined, pops, calls)
		t.Logf("first night %d KiB, %d goroutines, %d files; last night %d KiB, %d, %d", first.heap>>10, first.goroutines, first.files, last.heap>>10, last.goroutines, last.files)
		if last.heap > first.heap+1<<20 || last.goroutines > first.goroutines+2 || last.files > first.files+2 {
			t.Errorf("something grows: %+v", nights)
		}
		if book.legs == 0 || pops == 0 {
			t.Error("nothing happened")
		}
	})
}

// openDescriptors counts this process's open files.
func openDescriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0 // not Linux
	}
	return len(slices.DeleteFunc(names, func(e os.DirEntry) bool { return e.IsDir() }))
}
