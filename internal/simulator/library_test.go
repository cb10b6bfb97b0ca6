package simulator_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	. "github.com/smokepop/smokepop/internal/simulator"
)

// The library shows every property, at every firm, in both directions.
func TestTheLibraryCoversEverything(t *testing.T) {
	all := recordings(t)
	if len(all) < 30 {
		t.Errorf("%d recordings", len(all))
	}
	seen := map[string]bool{}
	for _, r := range all {
		for _, p := range r.Covers {
			seen[string(p)] = true
		}
		for _, s := range r.Sights {
			for _, v := range s.Views {
				for _, p := range v.Pops {
					seen[r.Firm+" "+p.Direction] = true
				}
			}
		}
	}
	for _, p := range Properties() {
		if !seen[string(p)] {
			t.Errorf("no recording shows %s", p)
		}
	}
	for _, firm := range []string{"us", "au", "gb"} {
		for _, direction := range []string{"inbound", "outbound"} {
			if !seen[firm+" "+direction] {
				t.Errorf("no %s call at the firm in %s", direction, firm)
			}
		}
	}
}

// What agents see is consistent in itself: a pop never comes back once its
// call is over for the agent, a call is connected before it is ended, and
// whoever answered for others is an agent of the firm who is connected.
func TestTheLibraryIsSound(t *testing.T) {
	for _, r := range recordings(t) {
		names := map[string]string{}
		for _, a := range r.NewFirm().Agents {
			names[a.Name] = a.Extension
		}
		over, spoke := map[string]bool{}, map[string]bool{}
		for i, s := range r.Sights {
			for ext, v := range s.Views {
				for _, e := range v.Recent {
					key := ext + " " + e.Call
					over[key] = true
					if e.How == EndedMissed && spoke[key] {
						t.Errorf("%s: sight %d: %s has missed %s and spoken", r.Name, i, ext, e.Call)
					}
					if e.How == EndedElsewhere && names[e.By] == "" || e.By != "" && names[e.By] == ext {
						t.Errorf("%s: sight %d: %s was answered by %q", r.Name, i, ext, e.By)
					}
				}
				for _, p := range v.Pops {
					key := ext + " " + p.Call
					if over[key] {
						t.Errorf("%s: sight %d: the pop of %s is back at %s", r.Name, i, p.Call, ext)
					}
					spoke[key] = spoke[key] || p.State == "connected"
					if p.State == "ringing" && spoke[key] {
						t.Errorf("%s: sight %d: %s rings again at %s", r.Name, i, p.Call, ext)
					}
				}
			}
		}
		for ext, v := range r.End().Views { // nothing that was seen is forgotten
			for key := range spoke {
				if e, call, _ := strings.Cut(key, " "); e == ext && !slices.ContainsFunc(v.Recent, func(d Ended) bool { return d.Call == call }) {
					t.Errorf("%s: %s has seen %s, and at the end it is not there", r.Name, ext, call)
				}
			}
		}
	}
}

// On a websocket, too, a recording ends with nothing that rings or speaks, and
// in between tells of every extension that sees a pop.
func TestTheLibraryPlaysOnAWebsocket(t *testing.T) {
	for _, rec := range recordings(t) {
		if rec.Only == "webhook" {
			continue
		}
		t.Run(rec.Name, func(t *testing.T) {
			r := newRest(t, func(o *PBXOptions) { o.Firm = rec.NewFirm() })
			domain := rec.NewFirm().Domain
			session := r.login(`{"name":"3rd","domain":"` + domain + `"}`)
			c, _ := r.dial("domain="+domain+"&user=", session)
			ask := func() {
				if err := c.WriteMessage(websocket.TextMessage, []byte(`{"action":"domain-calls","subscribe":true}`)); err != nil {
					t.Fatal(err)
				}
			}
			ask()
			r.states(c)
			_, err := r.Replay(t.Context(), rec, ReplayOptions{Rushed: true, Sight: func(_ context.Context, s Sight) error {
				live := r.LiveForTest()
				for ext, v := range s.Views {
					for _, p := range v.Pops {
						state := ext + " connected"
						if p.State == "ringing" {
							state = "*" + ext + " alerting"
						}
						if !slices.Contains(live, state) {
							return fmt.Errorf("%s sees %s %s, on are %v", ext, p.Call, p.State, live)
						}
					}
				}
				return nil
			}})
			if err != nil || len(r.LiveForTest()) != 0 {
				t.Errorf("%v, still on: %v", err, r.LiveForTest())
			}
		})
	}
}

// Whatever happens to the webhooks, the websocket tells the truth.
func TestDisorderDoesNotReachTheWebsocket(t *testing.T) {
	rec := recording(t, "blind-transfer")
	heard := func(varied Recording, o ReplayOptions) []string {
		r := newRest(t, nil)
		c, _ := r.dial("domain=firm.example&user=101", r.login(as101Body))
		if err := c.WriteMessage(websocket.TextMessage, []byte(`{"action":"domain-calls","subscribe":true}`)); err != nil {
			t.Fatal(err)
		}
		r.states(c)
		o.Rushed = true
		if _, err := r.Replay(t.Context(), varied, o); err != nil {
			t.Fatal(err)
		}
		var out []string
		for range 7 {
			out = append(out, r.states(c))
		}
		return out
	}
	want := heard(rec, ReplayOptions{})
	backwards := rec.Vary(ShufflesAndRepeats, func(int) int { return 0 })
	for name, got := range map[string][]string{
		"disorder":  heard(rec, ReplayOptions{Seed: 7, Disorder: Disorder{Drop: .5, Repeat: .5, Swap: .5, Delay: .5}}),
		"variation": heard(backwards, ReplayOptions{}),
	} {
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestTheBritishFirm(t *testing.T) {
	f := NewBritishFirm()
	s := Setup{ID: "c", Agent: "301", Caller: f.Callers[1], Shape: ShapeDomestic}
	if got := f.InboundAnswered(s).Steps[0].From; got != "07700900123" {
		t.Errorf("%q", got)
	}
	s.Caller = Caller{Line: US("617", "5550142")}
	if got := f.InboundAnswered(s).Steps[0].From; got != "0016175550142" {
		t.Errorf("%q", got)
	}
	if f.Country != "GB" || f.Region != "uk" || len(f.Contacts) != 5 {
		t.Errorf("%+v", f)
	}
	for _, c := range f.Callers {
		if len(c.Domestic()) < 10 || len(c.Domestic()) > 11 {
			t.Errorf("%q is no British number", c.Domestic())
		}
	}
}
