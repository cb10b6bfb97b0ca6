package push

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// page is what a browser shows after the messages it took.
type page struct {
	Seq    uint64
	Live   []string
	Recent []string
	State  screenpop.PairingState
	Served ServiceState
}

func (p *page) take(t *rapid.T, data []byte) {
	var m struct {
		Type    string
		Seq     uint64
		ID      string
		Pop     screenpop.Pop
		Pops    []screenpop.Pop
		Recent  []screenpop.EndedPop
		Reason  screenpop.EndReason
		Pairing screenpop.Pairing
		Service struct{ State ServiceState }
	}
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	if m.Type != "hello" && m.Seq != p.Seq+1 {
		t.Fatalf("seq %d after %d", m.Seq, p.Seq)
	}
	p.Seq = m.Seq
	at := slices.IndexFunc(p.Live, func(l string) bool {
		var id string
		fmt.Sscan(l, &id)
		return id == m.ID+m.Pop.ID
	})
	switch m.Type {
	case "hello":
		for _, l := range m.Pops {
			p.Live = append(p.Live, l.ID+" "+string(l.Call.State))
		}
		for _, r := range m.Recent {
			p.Recent = append(p.Recent, r.ID+" "+string(r.Reason))
		}
		p.State, p.Served = m.Pairing.State, m.Service.State
	case "pop":
		if at >= 0 {
			t.Fatalf("pop %s is there already", m.Pop.ID)
		}
		p.Live = append(p.Live, m.Pop.ID+" "+string(m.Pop.Call.State))
	case "update":
		p.Live[at] = m.Pop.ID + " " + string(m.Pop.Call.State)
	case "end":
		p.Live = slices.Delete(p.Live, at, at+1)
		p.Recent = append(p.Recent, m.ID+" "+string(m.Reason))
	case "service":
		if p.Served == m.Service.State {
			t.Fatalf("%s was told before", p.Served)
		}
		p.Served = m.Service.State
	case "past":
		p.Recent = append(p.Recent, m.Pop.ID+" terminated")
	case "pairing":
		// As DESIGN has it for who is unpaired: nothing of the calls stays.
		if p.State = m.Pairing.State; p.State == screenpop.Unpaired {
			if len(p.Live) > 0 {
				t.Fatalf("unpaired with %q on the screen", p.Live)
			}
			p.Recent = nil
		}
	}
}

type pairedNow struct{ state screenpop.PairingState }

func (p *pairedNow) Pairing(screenpop.AgentID) screenpop.Pairing {
	return screenpop.Pairing{State: p.state}
}

// Whatever happens in whatever order: what a screen was told since its hello
// is what a new screen's hello tells.
func TestEveryScreenShowsWhatANewHelloSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := &pairedNow{screenpop.Paired}
		h := New(Config{Pairings: now, Limits: Limits{LivePops: 3, RecentPops: 4, Queue: 1 << 20, QueueBytes: 1 << 30, PingEvery: time.Hour}})
		type watched struct {
			*screen
			page
		}
		var screens []*watched
		leave := func(s *watched) {
			h.drop(s.screen, gone)
			h.finished(s.screen)
		}
		defer func() {
			for _, s := range screens {
				leave(s)
			}
			if err := h.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}()
		viewer := screenpop.Agent{AgentID: screenpop.AgentID{Tenant: "t", Extension: "1"}}
		open := func() *watched { // a screen without a socket: its queue is never written
			s := newScreen(h, Viewer{Agent: viewer})
			if why := h.join(s, []byte("{}")); why != "" {
				t.Fatalf("refused: %s", why)
			}
			return &watched{screen: s}
		}
		look := func(s *watched) string {
			for _, m := range s.queue {
				s.page.take(t, m.data)
			}
			s.queue = nil
			s.Recent = s.Recent[max(0, len(s.Recent)-4):]
			return fmt.Sprint(s.page)
		}
		id := rapid.StringMatching("[a-f]")
		state := rapid.SampledFrom([]screenpop.State{screenpop.Ringing, screenpop.Connected})
		made := func(t *rapid.T) screenpop.Pop {
			return screenpop.Pop{ID: id.Draw(t, "id"), Call: screenpop.Call{State: state.Draw(t, "state")}}
		}
		screens = append(screens, open())
		t.Repeat(map[string]func(*rapid.T){
			"open": func(t *rapid.T) {
				if len(screens) == 3 {
					t.Skip("enough")
				}
				screens = append(screens, open())
			},
			"pop":    func(t *rapid.T) { h.Pop(viewer.AgentID, made(t), time.Time{}) },
			"update": func(t *rapid.T) { h.Update(viewer.AgentID, made(t)) },
			"end":    func(t *rapid.T) { h.End(viewer.AgentID, id.Draw(t, "id"), screenpop.EndTerminated, "") },
			"past": func(t *rapid.T) {
				h.Past(viewer.AgentID, screenpop.EndedPop{Pop: made(t), Ended: time.Now(), Reason: screenpop.EndTerminated})
			},
			"service": func(t *rapid.T) {
				tenant := rapid.SampledFrom([]screenpop.Tenant{"t", "other"}).Draw(t, "tenant")
				h.Service(tenant, rapid.SampledFrom([]ServiceState{ServiceOK, ServiceNotAnswering}).Draw(t, "service"))
			},
			"dismiss": func(t *rapid.T) { h.dismiss(viewer.AgentID, id.Draw(t, "id")) },
			"end all": func(*rapid.T) { h.EndAll(viewer.AgentID) },
			"pairing": func(t *rapid.T) {
				now.state = rapid.SampledFrom([]screenpop.PairingState{screenpop.Paired, screenpop.Unpaired, screenpop.Expired}).Draw(t, "pairing")
				h.PairingChanged(viewer.AgentID, now.Pairing(viewer.AgentID))
			},
			"": func(t *rapid.T) {
				fresh := open()
				want := look(fresh)
				leave(fresh)
				for _, s := range screens {
					if got := look(s); got != want {
						t.Fatalf("shows %s, a new hello says %s", got, want)
					}
				}
			},
		})
	})
}
