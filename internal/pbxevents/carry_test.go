package pbxevents

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// kept is what is kept of a receiver piece by piece, through JSON, for the case that
// its daemon goes without a word.
type kept map[string]keptPiece

type keptPiece struct {
	text  []byte
	at    time.Time
	until time.Time
}

func (k kept) follow(t interface{ Fatal(...any) }, r *Receiver, now time.Time) {
	for _, c := range r.Changes() {
		if delete(k, c.Key); c.Gone {
			continue
		}
		b, err := json.Marshal(c.Piece)
		if err != nil {
			t.Fatal(err)
		}
		k[c.Key] = keptPiece{b, now, c.Until}
	}
}

// gathered is what the next receiver goes on with at now.
func (k kept) gathered(t interface{ Fatal(...any) }, now time.Time) Carried {
	var pieces []Piece
	for _, one := range k {
		if !one.until.IsZero() && now.After(one.until) {
			continue
		}
		var p Piece
		if err := json.Unmarshal(one.text, &p); err != nil {
			t.Fatal(err)
		}
		pieces = append(pieces, p.Older(now.Sub(one.at)))
	}
	return Gather(pieces)
}

// killed returns a receiver that goes on from what was kept of one, on a clock that
// is set anew.
func killed(t interface{ Fatal(...any) }, k kept, tenant Tenant, sink screenpop.Sink, clock *clock, set time.Duration) *Receiver {
	carried := k.gathered(t, clock.Now())
	clear(k)
	clock.pass(set)
	next, err := New([]Tenant{tenant}, Deps{Directory: staff(), Sink: sink, Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	next.Resume(carried, clock.Now())
	k.follow(t, next, clock.Now())
	return next
}

// restarted returns a receiver that goes on from r, on a clock that is set
// anew, and what was carried.
func restarted(t interface{ Fatal(...any) }, r *Receiver, tenant Tenant, sink screenpop.Sink, clock *clock, set time.Duration) (*Receiver, string) {
	b, err := json.Marshal(r.Carry())
	if err != nil {
		t.Fatal(err)
	}
	var carried Carried
	if err := json.Unmarshal(b, &carried); err != nil {
		t.Fatal(err)
	}
	clock.pass(set)
	next, err := New([]Tenant{tenant}, Deps{Directory: staff(), Sink: sink, Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	next.Resume(carried, clock.Now())
	return next, string(b)
}

// Wherever a restart falls, in order or after the daemon was killed, and however the
// clock is set meanwhile, every event after it gets the answer it would have got
// without one, and the flow is offered the same: as long as numbers are carried.
func TestPropertyRestartChangesNothing(t *testing.T) {
	tenant := usTenant(t)
	rapid.Check(t, func(t *rapid.T) {
		stays, goes := &basket{}, &basket{}
		steady, moved := &clock{now: time.Unix(1e9, 0)}, &clock{now: time.Unix(1e9, 0)}
		a, err := New([]Tenant{tenant}, Deps{Directory: staff(), Sink: stays, Now: steady.Now})
		if err != nil {
			t.Fatal(err)
		}
		b, err := New([]Tenant{tenant}, Deps{Directory: staff(), Sink: goes, Now: moved.Now})
		if err != nil {
			t.Fatal(err)
		}
		ids := []screenpop.CallID{"a", "b", "c", "d"}
		lists := []string{"a", "l", "m"}
		told := ""
		left := int(joinWindow / time.Second)
		follows, pieces := rapid.Bool().Draw(t, "follows"), kept{}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			if follows {
				pieces.follow(t, b, moved.Now())
			}
			switch step := rapid.IntRange(0, 9).Draw(t, "step"); {
			case step <= 1 && follows:
				set := time.Duration(rapid.IntRange(-3600, 3600).Draw(t, "set")) * time.Second
				b = killed(t, pieces, tenant, goes, moved, set)
				told += fmt.Sprintf("\nkilled, the clock set by %v", set)
			case step <= 1:
				set := time.Duration(rapid.IntRange(-3600, 3600).Draw(t, "set")) * time.Second
				b, _ = restarted(t, b, tenant, goes, moved, set)
				told += fmt.Sprintf("\nrestart, the clock set by %v", set)
			case step == 2:
				n := rapid.IntRange(0, left).Draw(t, "pass")
				left -= n
				pass := time.Duration(n) * time.Second
				steady.pass(pass)
				moved.pass(pass)
				told += fmt.Sprintf("\n%v", pass)
			case step <= 4:
				var calls []string
				for _, id := range lists {
					if state := rapid.SampledFrom([]string{"", "alerting", "connected"}).Draw(t, "state"); state != "" {
						calls = append(calls, id+" "+num+" "+rapid.SampledFrom([]string{"101", "101,102", "102"}).Draw(t, "at")+" "+state)
					}
				}
				told += fmt.Sprintf("\nlist %q", calls)
				_, _ = a.Live(firm, listOf(calls...)), b.Live(firm, listOf(calls...))
			default:
				m := eventOf(rapid.IntRange(0, 3*7*7-1).Draw(t, "event"), rapid.SampledFrom(ids).Draw(t, "id"))
				m.primary = rapid.SampledFrom([]screenpop.CallID{"", "", "a", "p"}).Draw(t, "primary")
				told += fmt.Sprintf("\n%s %s of %q at %v", m.state, m.call, m.primary, m.extensions)
				same := m
				v, w := a.tenant(firm).take(&m, steady.Now()), b.tenant(firm).take(&same, moved.Now())
				if v.result != w.result || v.skip != w.skip || !slices.Equal(v.extensions, w.extensions) {
					t.Fatalf("answered %v %v %v, want %v %v %v, after%s", w.result, w.skip, w.extensions, v.result, v.skip, v.extensions, told)
				}
			}
			if want, got := stays.take(), goes.take(); !slices.Equal(sorted(got), sorted(want)) {
				t.Fatalf("offered %q, want %q, after%s", got, want, told)
			}
		}
	})
}

// A thing is told of once, and again only when it has moved; what is over stays until
// nothing is compared with it any more, and what nobody hears of is nothing.
func TestChangesAreToldOnce(t *testing.T) {
	r := newRig(t, nil)
	keys := func() (keys []string) {
		for _, c := range r.Changes() {
			line := c.Key
			switch {
			case c.Gone:
				line += " gone"
			case !c.Until.IsZero():
				line += " over"
			}
			keys = append(keys, line)
		}
		return sorted(keys)
	}
	expect := func(when string, want ...string) {
		t.Helper()
		if got := keys(); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", when, got, want)
		}
	}
	r.send("event=ringing&call_id=early&extension=101&from=6173998147&to=101")
	expect("the first time", "call/"+firm+"/early", "card/"+firm+"/1")
	expect("nothing has moved")
	r.send("event=ringing&call_id=b&extension=101,102&from=6175550199&to=102")
	expect("another call", "call/"+firm+"/b", "card/"+firm+"/2", "card/"+firm+"/3")
	r.send("event=connected&call_id=b&extension=102&from=6175550199&to=102")
	expect("one has answered", "call/"+firm+"/b", "card/"+firm+"/2 over", "card/"+firm+"/3")
	r.send("event=terminated&call_id=early&extension=101")
	expect("the end", "call/"+firm+"/early over", "card/"+firm+"/1 over")
	_ = r.Live(firm, listOf("l 6173998100 102 alerting"))
	expect("a list", "call/"+firm+"/l", "card/"+firm+"/4", "entry/"+firm+"/l")
	_ = r.Live(firm, listOf("l 6173998100 102 alerting"))
	expect("the same list")
	r.clock.pass(retell + time.Second)
	_ = r.Live(firm, listOf("l 6173998100 102 alerting"))
	expect("the same list after a while", "call/"+firm+"/l")
	_ = r.Live(firm, nil)
	expect("an empty list", "call/"+firm+"/l over", "card/"+firm+"/4 over", "entry/"+firm+"/l gone")
	r.clock.pass(carriedConnected)
	next := newRig(t, nil)
	next.Resume(r.Carry(), next.clock.Now())
	for _, c := range next.Changes() {
		if c.Key != "call/"+firm+"/b" && !strings.HasPrefix(c.Key, "card/"+firm+"/") {
			t.Errorf("%s is told of, and was over long ago", c.Key)
		}
	}
}

// sorted leaves aside in which order calls leave a list.
func sorted(lines []string) []string { return slices.Sorted(slices.Values(lines)) }

func TestCarriedHasNoNamesAndForgetsNumbers(t *testing.T) {
	r := newRig(t, nil)
	r.send(`event=ringing&call_id=over&from="MARIA C" <sip:6173998147@x>&to=101&from_name=MARIA C`)
	r.send("event=terminated&call_id=over")
	r.clock.pass(joinWindow + time.Second)
	r.send(`event=ringing&call_id=on&from="JOHN S" <sip:6175550199@x>&to=101&from_name=JOHN S`)
	_, text := restarted(t, r.Receiver, usTenant(t), r.sink, r.clock, 0)
	for _, never := range []string{"MARIA", "JOHN", "Priya", "3998147", "399-8147"} {
		if strings.Contains(text, never) {
			t.Errorf("%q is carried:\n%s", never, text)
		}
	}
	if !strings.Contains(text, "+16175550199") || !strings.Contains(text, `"over"`) {
		t.Errorf("carried is\n%s", text)
	}
}

// The number of a leg that ended a while before the restart is not carried. What
// begins it again tells the number; what does not tell it begins nothing; and
// everything else is told as ever.
func TestLegWithoutItsNumberAfterARestart(t *testing.T) {
	for name, tc := range map[string]struct {
		events, answers, offered []string
	}{
		"another phone rings": {
			[]string{"event=ringing&call_id=b&primary_call_id=c&extension=101&from=6173998147&to=101"}, []string{"accepted 101"}, []string{"101 ringing inbound +16173998147"},
		},
		"another phone is answered": {
			[]string{"event=connected&call_id=b&primary_call_id=c&extension=101&from=6173998147&to=101"}, []string{"accepted 101"}, []string{"101 connected inbound +16173998147"},
		},
		"another phone is answered, and nobody says who called": {
			[]string{"event=connected&call_id=b&primary_call_id=c&extension=101"}, []string{"out-of-order"}, nil,
		},
		"the same phone, late": {
			[]string{"event=ringing&call_id=a&primary_call_id=c&extension=101&from=6173998147&to=101", "event=connected&call_id=a&primary_call_id=c&extension=101"},
			[]string{"out-of-order", "out-of-order"}, nil,
		},
		"its end once more": {
			[]string{"event=terminated&call_id=a&primary_call_id=c&extension=101"}, []string{"duplicate"}, nil,
		},
		"another phone after the end of all": {
			[]string{"event=terminated&call_id=c", "event=connected&call_id=b&primary_call_id=c&from=101&to=102"}, []string{"duplicate", "out-of-order"}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			steady, r := newRig(t, nil), newRig(t, nil)
			for _, g := range []*rig{steady, r} {
				g.send("event=ringing&call_id=a&primary_call_id=c&extension=101&from=6173998147&to=101")
				g.send("event=terminated&call_id=a&primary_call_id=c&extension=101")
				g.clock.pass(joinWindow + time.Second)
			}
			next, _ := restarted(t, r.Receiver, usTenant(t), r.sink, r.clock, 0)
			next, _ = restarted(t, next, usTenant(t), r.sink, r.clock, 0) // and once more
			r.handler = next.Handler()
			r.sink.take()
			for i, e := range tc.events {
				if got := r.send(e); got != tc.answers[i] {
					t.Errorf("%s: %s, want %s (without a restart: %s)", e, got, tc.answers[i], steady.send(e))
				}
			}
			if got := r.sink.take(); !slices.Equal(got, tc.offered) {
				t.Errorf("offered %q, want %q", got, tc.offered)
			}
		})
	}
}

func TestGhostsOfARestartEndSooner(t *testing.T) {
	for name, tc := range map[string]struct {
		states []string
		life   time.Duration
		list   bool // the PBX's list has the call again
	}{
		"ringing":           {[]string{"ringing"}, carriedRinging, false},
		"connected":         {[]string{"ringing", "connected"}, carriedConnected, false},
		"ringing in a list": {[]string{"ringing"}, ringingLife, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			for _, s := range tc.states {
				r.send("event=" + s + "&call_id=c&extension=101&from=6173998147&to=101")
			}
			next, _ := restarted(t, r.Receiver, usTenant(t), r.sink, r.clock, -time.Hour)
			if tc.list {
				_ = next.Live(firm, listOf("c "+num+" 101 alerting"))
			}
			r.sink.take()
			r.clock.pass(tc.life - time.Second)
			next.sweep()
			if got := r.sink.take(); len(got) != 0 {
				t.Errorf("too soon: %q", got)
			}
			r.clock.pass(2 * time.Second)
			next.sweep()
			if got := r.sink.take(); !slices.Equal(got, []string{"101 terminated"}) {
				t.Errorf("offered %q", got)
			}
		})
	}
}

// A call that ended while nobody listened leaves with the first list.
func TestListAfterARestartEndsWhatIsGone(t *testing.T) {
	r := newRig(t, nil)
	_ = r.Live(firm, listOf("c "+num+" 101 alerting"))
	next, _ := restarted(t, r.Receiver, usTenant(t), r.sink, r.clock, 0)
	r.sink.take()
	_ = next.Live(firm, nil)
	if got := r.sink.take(); !slices.Equal(got, []string{"101 terminated"}) {
		t.Errorf("offered %q", got)
	}
}

func TestRestartLeavesOutWhoIsGone(t *testing.T) {
	r := newRig(t, nil)
	r.send("event=ringing&call_id=c&extension=101,102&from=6173998147&to=600")
	b, err := json.Marshal(r.Carry())
	if err != nil {
		t.Fatal(err)
	}
	var carried Carried
	if err := json.Unmarshal(b, &carried); err != nil {
		t.Fatal(err)
	}
	carried = append(carried, carriedTenant{Domain: "gone.example"})
	sink := &basket{}
	next, err := New([]Tenant{usTenant(t)}, Deps{Directory: book(person("102", "Tom Jones")), Sink: sink, Now: r.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	next.Resume(carried, r.clock.Now())
	for extension, want := range map[screenpop.Extension]bool{"101": false, "102": true, "103": false} {
		if got := next.UnderWay(screenpop.AgentID{Tenant: firm, Extension: extension}, "c"); got != want {
			t.Errorf("the call is under way at %s: %v, want %v", extension, got, want)
		}
	}
	r.handler = next.Handler()
	if got := r.send("event=terminated&call_id=c"); got != "accepted 102" {
		t.Errorf("answered %s", got)
	}
	if got := sink.take(); !slices.Equal(got, []string{"102 terminated"}) {
		t.Errorf("offered %q", got)
	}
}
