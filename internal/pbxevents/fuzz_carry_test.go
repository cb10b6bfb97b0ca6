package pbxevents

import (
	"encoding/json"
	"testing"
)

// Whatever calls a daemon before has left: they are taken in or left aside, none
// of them ends the daemon, and events, lists and the sweep go on behind them.
func FuzzCarriedCalls(f *testing.F) {
	r := newRig(f, nil)
	r.send("event=ringing&call_id=a&primary_call_id=c&extension=101&from=6173998147&to=101")
	r.send("event=connected&call_id=b&extension=102&from=6175550199&to=102")
	whole, err := json.Marshal(r.Carry())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	for _, s := range []string{
		`[]`, `null`, `[{"domain":"` + firm + `","calls":[{"id":"a","legs":[{"extension":"101","card":7,"twin":-1}]}],"cards":[{"extension":"101","legs":[9,-1]}]}]`,
		`[{"domain":"` + firm + `","list":[{"id":"a","at":{"*97":"ringing"}}]},{"domain":"nobody"}]`,
		`[{"domain":"` + firm + `","calls":[{"id":"a","legs":[{"extension":"101","card":0,"call":{"number":"*97","state":"ringing"}}]},{"id":"a"}],"cards":[{"extension":"101","legs":[0,0]}]}]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var left Carried
		if json.Unmarshal(b, &left) != nil {
			return
		}
		r := newRig(t, nil)
		r.Resume(left, r.clock.Now())
		r.send("event=ringing&call_id=a&extension=101&from=6173998147&to=101")
		r.send("event=ringing&call_id=new&extension=102&from=6173998147&to=102")
		_ = r.Live(firm, []LiveCall{{ID: "a", From: "6173998147", To: "600", Extensions: []string{"101", "103"}}})
		r.send("event=terminated&call_id=a")
		_ = r.Live(firm, nil)
		r.sweep()
		r.sink.events = nil
		r.send("event=ringing&call_id=star&extension=101&from=6173998147&to=*97")
		r.send("event=ringing&call_id=inner&extension=101&from=102&to=101")
		if len(r.sink.events) != 0 {
			t.Errorf("popped %v", r.sink.events)
		}
		if _, err := json.Marshal(r.Carry()); err != nil {
			t.Error(err)
		}
	})
}
