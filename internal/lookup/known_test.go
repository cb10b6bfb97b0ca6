package lookup_test

import (
	"errors"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/smokepop/smokepop/internal/lookup"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// What was found a moment ago is known at once, for who is paired, and nobody is
// asked. What needs somebody to be asked is not known.
func TestKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, setup{tenant: TenantConfig{Cache: time.Minute}})
		somebody, nobody := call(h.number(h.firm.Callers[0].E164())), call(h.number("+16175550199"))
		unknown := func(when string, agent screenpop.AgentID, c screenpop.Call) {
			t.Helper()
			before := len(h.trace.entries)
			if m, err, known := h.finder.Known(agent, c); known || err != nil || len(m.Contacts) > 0 {
				t.Errorf("%s: %v, %v, %v", when, m, err, known)
			}
			if len(h.trace.entries) != before {
				t.Errorf("%s: there is a line in the trace", when)
			}
		}
		me, colleague := h.first(), h.agent(h.firm.Agents[1].Extension)
		unknown("before anybody has asked", me, somebody)
		unknown("a call without a number", me, call(screenpop.Number{}))
		unknown("another tenant", screenpop.AgentID{Tenant: "other.example", Extension: "101"}, somebody)

		found, err := h.finder.Find(t.Context(), me, somebody)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.finder.Find(t.Context(), me, nobody); !errors.Is(err, screenpop.ErrNoMatch) {
			t.Fatal(err)
		}
		h.searches()
		for _, agent := range []screenpop.AgentID{me, colleague} {
			if m, err, known := h.finder.Known(agent, somebody); !known || err != nil || !reflect.DeepEqual(m, found) {
				t.Errorf("%v knows %v, %v, %v; want %v", agent, m, err, known, found)
			}
			if e := h.trace.last(); e.Verdict != "matched" || e.Detail != "known from 0 s ago" || e.Extension != agent.Extension {
				t.Errorf("the trace says %+v", e)
			}
		}
		if _, err, known := h.finder.Known(me, nobody); !known || !errors.Is(err, screenpop.ErrNoMatch) {
			t.Errorf("that nobody has a number: %v, %v", err, known)
		}
		if got := h.counted("smokepop_lookup_total", "matched"); got != 3 {
			t.Errorf("%d matches are counted, want 3", got)
		}

		h.creds.hold = make(chan struct{})
		unknown("the token has to be waited for", me, somebody)
		h.creds.hold = nil
		h.creds.unpair(colleague)
		unknown("who has unpaired", colleague, somebody)
		pass(time.Minute)
		unknown("a minute later", me, somebody)
		if asked := h.searches(); len(asked) > 0 {
			t.Errorf("Smokeball was asked for %v", asked)
		}
	})
}
