package daemon

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

// desk is an agent's place with a page on it: what the page would show, made
// of the frames alone.
type desk struct {
	t      testing.TB
	agent  simulator.Agent
	cookie string
	conn   *websocket.Conn
	left   chan struct{} // closed when the socket is

	mu     sync.Mutex
	seq    uint64
	live   []screenpop.Pop
	recent []screenpop.EndedPop
	over   map[string]bool // ids of pops that have ended
	pops   map[string]int  // pops by call id
	wrong  []string        // what no page may ever be told
}

// heard is a frame.
type heard struct {
	Type       string
	Seq        uint64
	ID         string
	Reason     screenpop.EndReason
	AnsweredBy string               `json:"answered_by"`
	Pop        screenpop.EndedPop   `json:"pop"`
	Pops       []screenpop.Pop      `json:"pops"`
	Recent     []screenpop.EndedPop `json:"recent"`
}

func (d *desk) watch(conn *websocket.Conn, left chan struct{}) {
	defer close(left)
	for {
		_, b, err := conn.ReadMessage()
		if err != nil {
			return
		}
		var h heard
		if err := json.Unmarshal(b, &h); err != nil {
			d.t.Errorf("the frame %s: %v", b, err)
			return
		}
		d.take(h)
	}
}

func (d *desk) take(h heard) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := func(id string) int { return slices.IndexFunc(d.live, func(p screenpop.Pop) bool { return p.ID == id }) }
	if h.Type == "hello" {
		d.seq, d.live, d.recent, d.over, d.pops = h.Seq, h.Pops, h.Recent, map[string]bool{}, map[string]int{}
		return
	}
	if d.seq++; h.Seq != d.seq {
		d.wrong = append(d.wrong, fmt.Sprintf("seq %d after %d", h.Seq, d.seq-1))
	}
	switch h.Type {
	case "pop":
		d.pops[string(h.Pop.Call.ID)]++
		if d.over[h.Pop.ID] || at(h.Pop.ID) >= 0 {
			d.wrong = append(d.wrong, "pop "+h.Pop.ID+" is there twice")
		}
		for _, p := range d.live {
			if p.Call.ID == h.Pop.Call.ID {
				d.wrong = append(d.wrong, fmt.Sprintf("call %s has two pops", p.Call.ID))
			}
		}
		d.live = append(d.live, h.Pop.Pop)
	case "update":
		if i := at(h.Pop.ID); i >= 0 {
			d.live[i] = h.Pop.Pop
		} else {
			d.wrong = append(d.wrong, "update of "+h.Pop.ID+", which is not there")
		}
	case "end":
		i := at(h.ID)
		if i < 0 {
			d.wrong = append(d.wrong, "end of "+h.ID+", which is not there")
			return
		}
		d.recent = append(d.recent, screenpop.EndedPop{Pop: d.live[i], Reason: h.Reason, AnsweredBy: h.AnsweredBy})
		d.live, d.over[h.ID] = slices.Delete(d.live, i, i+1), true
	case "past":
		d.recent = append(d.recent, h.Pop)
	}
}

// tidy forgets what is over.
func (d *desk) tidy() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.recent, d.over, d.pops = nil, map[string]bool{}, map[string]int{}
}

// sees compares what the page shows of a recording's calls with what it has to
// show. It returns what is wrong, in a sentence each.
func (d *desk) sees(want simulator.View, prefix string, loose bool) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	wrong := d.wrong
	d.wrong = nil
	add := func(format string, args ...any) {
		wrong = append(wrong, d.agent.Extension+" "+fmt.Sprintf(format, args...))
	}
	if len(d.live) != len(want.Pops) {
		add("sees %d pops, want %d: %v", len(d.live), len(want.Pops), calls(d.live))
	}
	for i := range min(len(d.live), len(want.Pops)) {
		p, w := d.live[i], want.Pops[i]
		if why := differs(p, w.Card, false); why != "" {
			add("pop %d: %s", i, why)
		}
		if string(p.Call.State) != w.State {
			add("pop %d of %s is %s, want %s", i, w.Call, p.Call.State, w.State)
		}
	}
	recent := slices.DeleteFunc(slices.Clone(d.recent), func(p screenpop.EndedPop) bool { return !strings.HasPrefix(idOf(p.Pop), prefix) })
	if !loose && len(recent) != len(want.Recent) {
		add("has %d recent calls, want %d", len(recent), len(want.Recent))
	}
	for _, p := range recent {
		i := slices.IndexFunc(want.Recent, func(e simulator.Ended) bool {
			return differs(p.Pop, e.Card, loose) == "" && (loose || how(p) == told(e))
		})
		if i < 0 {
			add("has the recent call %s %s, want one of %v", p.Call.ID, how(p), want.Recent)
		}
	}
	return wrong
}

func told(e simulator.Ended) string {
	if e.How == simulator.EndedElsewhere {
		return string(e.How) + " " + e.By
	}
	return string(e.How)
}

// how tells of an ended call what a page does.
func how(p screenpop.EndedPop) string {
	switch {
	case p.Reason == screenpop.EndAnsweredElsewhere:
		return string(simulator.EndedElsewhere) + " " + p.AnsweredBy
	case p.Call.State == screenpop.Ringing:
		return string(simulator.EndedMissed)
	}
	return string(simulator.EndedSpoken)
}

// differs tells what on a card is not as it should be; empty: nothing. quick is
// a call that may have been over before its look-up was.
func differs(p screenpop.Pop, w simulator.Card, quick bool) string {
	if id := idOf(p); id != w.Call && !slices.Contains(w.Or, id) {
		return fmt.Sprintf("call %s, want %s", id, w.Call)
	}
	var names []string
	for _, c := range p.Contacts {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	want := slices.Sorted(slices.Values(w.Contacts))
	queue := p.Call.Queue
	switch {
	case p.Call.Number.Canonical != w.Number:
		return fmt.Sprintf("%s shows the number %s, want %s", w.Call, p.Call.Number.Canonical, w.Number)
	case string(p.Call.Direction) != w.Direction:
		return fmt.Sprintf("%s is %s, want %s", w.Call, p.Call.Direction, w.Direction)
	case !slices.Equal(names, want) && !(quick && len(names) == 0):
		return fmt.Sprintf("%s shows %q, want %q", w.Call, names, want)
	case w.Queue != "" && queue != w.Queue:
		return fmt.Sprintf("%s came through %q, want %q", w.Call, queue, w.Queue)
	case w.Dialled != "" && !sameNumber(queue, w.Dialled):
		return fmt.Sprintf("%s was dialled as %q, want %q", w.Call, queue, w.Dialled)
	}
	return ""
}

// idOf is a pop's call id, whichever source the daemon heard of the call from
// first.
func idOf(p screenpop.Pop) string { return strings.TrimPrefix(string(p.Call.ID), otherID) }

// sameNumber compares a number as people write it with its E.164 form.
func sameNumber(written, e164 string) bool {
	d := strings.TrimPrefix(digits(written), "0")
	return d != "" && strings.HasSuffix(e164, d)
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

func calls(live []screenpop.Pop) (out []string) {
	for _, p := range live {
		out = append(out, fmt.Sprintf("%s %s", p.Call.ID, p.Call.State))
	}
	return out
}
