package daemon

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/smokepop/smokepop/internal/simulator"
)

// theFirms are those that recordings play at.
func theFirms() []*simulator.Firm {
	return []*simulator.Firm{simulator.NewFirm(), simulator.NewAustralianFirm(), simulator.NewBritishFirm()}
}

func theLibrary(t *testing.T) []simulator.Recording {
	t.Helper()
	all, err := simulator.Recordings()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// play replays a recording at its firm and returns what an agent's page shows
// otherwise than it should. Afterwards everything about it is over and
// forgotten by the telephone side.
func (f *office) play(r simulator.Recording, prefix string, o simulator.ReplayOptions) []string {
	s := f.site(r.NewFirm().Domain)
	var wrong []string
	o.Sight = func(_ context.Context, sight simulator.Sight) error {
		time.Sleep(20 * time.Millisecond) // for the look-ups: the budget keeps some in hand
		synctest.Wait()
		for ext, want := range sight.Views {
			d := f.desks[s.firm.Domain+" "+ext]
			for _, w := range d.sees(want, prefix, sight.Loose) {
				wrong = append(wrong, fmt.Sprintf("%s at %s: %s", r.Name, sight.At, w))
			}
		}
		return nil
	}
	answers, err := s.pbx.Replay(f.t.Context(), r.Renamed(prefix), o)
	if err != nil {
		wrong = append(wrong, r.Name+": "+err.Error())
	}
	for _, a := range answers {
		if a.Err != nil || a.Sent && (a.Status < 200 || a.Status > 299) {
			wrong = append(wrong, fmt.Sprintf("%s: %s of %s was answered %d, %v", r.Name, a.Step.Event, a.Step.CallID, a.Status, a.Err))
		}
	}
	if len(wrong) > 0 {
		for _, a := range answers {
			wrong = append(wrong, fmt.Sprintf("    %s %s %s %s: %s %s", a.Step.At, a.Step.Event, a.Step.CallID, a.Step.Extension, a.Result, a.Reason))
		}
	}
	time.Sleep(15 * time.Second) // nothing of it joins what comes next
	for _, a := range s.firm.Agents {
		f.desks[s.firm.Domain+" "+a.Extension].tidy()
	}
	return wrong
}

// Each recording of the library, played to a whole daemon: every agent sees at
// every moment what the file says, with webhooks, with the websocket, with both,
// and with both under different call ids.
func TestLibrary(t *testing.T) {
	for name, c := range map[string]struct {
		events string
		ids    func(string) string
	}{
		"webhook":         {"", nil},
		"websocket":       {"websocket", nil},
		"both":            {"both", nil},
		"both, other ids": {"both", func(id string) string { return otherID + id }},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				f := openOffice(t, officeOptions{firms: theFirms(), crm: longTokens, dir: dir, events: c.events, pbx: func(o *simulator.PBXOptions) { o.LiveIDs = c.ids }})
				defer f.stop()
				for i, r := range theLibrary(t) {
					only := c.events
					if only == "" {
						only = "webhook"
					}
					if r.Only != "" && r.Only != only {
						continue
					}
					for _, w := range f.play(r, fmt.Sprintf("n%d-", i), simulator.ReplayOptions{}) {
						t.Error(w)
					}
				}
			})
		})
	}
}

// Repeated webhooks change nothing of what is seen at any moment.
func TestLibraryRepeated(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := openOffice(t, officeOptions{firms: theFirms(), crm: longTokens, dir: dir})
		defer f.stop()
		random := rand.New(rand.NewPCG(5, 0))
		for i, r := range theLibrary(t) {
			for n := range 3 {
				for _, w := range f.play(r.Vary(simulator.Repeats, random.IntN), fmt.Sprintf("r%d-%d-", i, n), simulator.ReplayOptions{}) {
					t.Error(w)
				}
			}
		}
	})
}

// 10,000 orders of the library's webhooks, as rapid draws them, some sent twice,
// through a whole daemon: in the end no pop is up on any page, the recent calls
// are those that were there, and no pop came after its end.
func TestLibraryShuffled(t *testing.T) {
	var short, long []simulator.Recording
	for _, r := range theLibrary(t) {
		if r.End().At < time.Hour {
			short = append(short, r)
		} else {
			long = append(long, r)
		}
	}
	varied := []simulator.Variation{simulator.Interleaves, simulator.Shuffles, simulator.ShufflesAndRepeats}
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := openOffice(t, officeOptions{firms: theFirms(), crm: longTokens, dir: dir})
		defer f.stop()
		played := 0
		check := func(library []simulator.Recording) {
			rapid.Check(bubbled{t}, func(t *rapid.T) {
				played++
				r := rapid.SampledFrom(library).Draw(t, "recording")
				v := rapid.SampledFrom(varied).Draw(t, "variation")
				r = r.Vary(v, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") })
				if wrong := f.play(r, fmt.Sprintf("s%d-", played), simulator.ReplayOptions{}); len(wrong) > 0 {
					t.Fatal(strings.Join(wrong, "\n"))
				}
			})
		}
		for played < shuffledOrders && !t.Failed() {
			check(short) // a rapid check believes that it has a day, and the bubble's days are short
		}
		random := rand.New(rand.NewPCG(6, 0))
		for i, r := range long { // half a day of pings each
			for _, v := range varied {
				for _, w := range f.play(r.Vary(v, random.IntN), fmt.Sprintf("l%d-%d-", i, v), simulator.ReplayOptions{}) {
					t.Error(w)
				}
			}
		}
	})
}

// Webhooks in any order beside a websocket that tells the truth: no ghost either,
// whether both sources know a call by one id or by two.
func TestLibraryShuffledBesideLists(t *testing.T) {
	for name, ids := range map[string]func(string) string{"one id": nil, "two ids": func(id string) string { return otherID + id }} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				f := openOffice(t, officeOptions{firms: theFirms(), crm: longTokens, dir: dir, events: "both", pbx: func(o *simulator.PBXOptions) { o.LiveIDs = ids }})
				defer f.stop()
				random := rand.New(rand.NewPCG(7, 0))
				for i, r := range theLibrary(t) {
					if r.Only != "" {
						continue
					}
					for _, v := range []simulator.Variation{simulator.Interleaves, simulator.Shuffles, simulator.ShufflesAndRepeats} {
						for _, w := range f.play(r.Vary(v, random.IntN), fmt.Sprintf("b%d-%d-", i, v), simulator.ReplayOptions{}) {
							t.Error(w)
						}
					}
				}
			})
		})
	}
}

// longTokens are tokens that need no renewal, each of which would be a write to
// the disk: this is about calls.
func longTokens(o *simulator.Options) {
	o.AccessLife, o.RefreshLife = 1000*time.Hour, 2000*time.Hour
}

// otherID stands before the call ids of a websocket that are not the webhooks'.
const otherID = "live-"

// bubbled is a test in a bubble, which must not be asked for its deadline.
type bubbled struct{ testing.TB }
