package daemon

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/simulator"
)

// largeFirm is the demo's firm with so many extensions.
func largeFirm(extensions int) *simulator.Firm {
	f := simulator.NewFirm()
	for i := len(f.Agents); i < extensions; i++ {
		f.Agents = append(f.Agents, simulator.Agent{
			Extension: strconv.Itoa(1000 + i), Name: fmt.Sprint("Agent ", i), Email: fmt.Sprintf("agent%d@firm.example", i), Groups: []string{"floor"},
		})
	}
	return f
}

// metric returns the value of a line of the page of metrics.
func (f *office) metric(name string) float64 {
	f.t.Helper()
	for line := range strings.Lines(f.metrics()) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				f.t.Fatalf("%s: %v", line, err)
			}
			return n
		}
	}
	f.t.Fatalf("there is no metric %s", name)
	return 0
}

// heap is what is in use, when nothing is under way.
func heap() int64 {
	synctest.Wait()
	for range 2 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A day and a night of a firm of 200 extensions, over a network that loses,
// repeats, swaps and delays webhooks, with websocket and webhooks both: memory
// does not grow with the calls, and at night no call is remembered and no pop is
// up.
func TestDayOfALargeFirm(t *testing.T) {
	const desks = 20 // of the 200: each open page is pinged all day
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		firm := largeFirm(200)
		f := openOffice(t, officeOptions{
			firms: []*simulator.Firm{firm}, dir: dir, events: "both",
			tenant: func(tenant map[string]any) {
				tenant["pbx"].(map[string]any)["api"].(map[string]any)["refresh"] = "2h" // 200 accounts each time
			},
			desks: func(a simulator.Agent) bool {
				for i, b := range firm.Agents {
					if a.Extension == b.Extension {
						return i%10 == 0
					}
				}
				return false
			},
		})
		defer f.stop()
		if len(f.desks) != desks {
			t.Fatalf("%d desks", len(f.desks))
		}
		began := time.Now()
		pops := 0
		// hour plays an hour's calls, spread over four agents who take most.
		hour := func(h, calls int) {
			var lines sync.WaitGroup
			for i := range 4 {
				lines.Go(func() {
					n := calls / 4
					if n == 0 {
						return
					}
					err := simulator.Traffic{
						PBX: f.firms[0].pbx, Firm: firm, PerMinute: float64(n) / 55, Agent: firm.Agents[(h*40+i*10)%len(firm.Agents)].Extension, Calls: n,
						Disorder: simulator.Disorder{Drop: .03, Repeat: .05, Swap: .05, Delay: .05}, Seed: uint64(h*4 + i),
					}.Run(t.Context())
					if err != nil {
						t.Error(err)
					}
				})
			}
			lines.Wait()
			time.Sleep(time.Until(began.Add(time.Duration(h+1) * time.Hour)))
			f.firms[0].smokeball.Forget() // what the simulator notes of requests
			for _, d := range f.desks {
				d.mu.Lock()
				for _, n := range d.pops {
					pops += n
				}
				for _, w := range d.wrong {
					t.Errorf("hour %d, extension %s: %s", h, d.agent.Extension, w)
				}
				d.wrong = nil
				d.mu.Unlock()
				d.tidy()
			}
		}
		var noon, evening, night int64
		for h := range 24 {
			calls := 200 // an hour: 2,400 in the day, 12 for each extension
			if h >= 12 {
				calls = 8
			}
			if h >= 16 {
				calls = 0
			}
			hour(h, calls)
			switch h {
			case 5:
				noon = heap()
				if n := f.metric(`smokepop_tracked_calls{state="over"}`); n < 100 {
					t.Errorf("at noon %v calls of the last hour are remembered", n)
				}
			case 11:
				evening = heap()
			}
		}
		night = heap()
		t.Logf("heap: %d KiB at noon, %d in the evening, %d at night; %d pops", noon>>10, evening>>10, night>>10, pops)
		if evening > noon+noon/10+1<<20 || night > noon+noon/10+1<<20 {
			t.Errorf("memory grows: %d, %d, %d bytes", noon, evening, night)
		}
		for _, state := range []string{"live", "over"} {
			if n := f.metric(`smokepop_tracked_calls{state="` + state + `"}`); n != 0 {
				t.Errorf("at night %v calls are remembered as %s", n, state)
			}
		}
		for _, d := range f.desks {
			d.mu.Lock()
			if len(d.live) > 0 {
				t.Errorf("extension %s sees %v all night", d.agent.Extension, calls(d.live))
			}
			d.mu.Unlock()
		}
		if pops < 300 {
			t.Errorf("%d pops in a day", pops)
		}
	})
}
