package pbxevents

import (
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// switchboard is a directory that knows the PBX's other accounts too.
type switchboard struct {
	Directory
	names map[string]string
}

func (s switchboard) AccountName(_ screenpop.Tenant, number string) (string, bool) {
	name, ok := s.names[number]
	return name, ok
}

// What the PBX has as an account is ours, though it does not look like an
// extension, and its name stands on the card.
func TestAccountsOfThePBXAreOurs(t *testing.T) {
	for _, c := range []struct{ name, event, want, queue string }{
		{"a call to a queue is internal", "from=101&to=70000", "internal-call", ""},
		{"a call from a ring group is internal", "from=60000&to=101", "internal-call", ""},
		{"a queue's name", "from=6173998147&to=70000&extension=101", "accepted 101", "New clients"},
		{"the event's own name first", `from=6173998147&to="Intake" <sip:70000@firm.example.com>&extension=101`, "accepted 101", "Intake"},
		{"a group without a name", "from=6173998147&to=60000&extension=101", "accepted 101", "60000"},
		{"a number that nobody has", "from=101&to=61739", "accepted 101", ""},
	} {
		tenant := usTenant(t)
		sink := &basket{}
		receiver, err := New([]Tenant{tenant}, Deps{
			Directory: switchboard{staff(), map[string]string{"70000": "New clients", "60000": ""}}, Sink: sink,
		})
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{Receiver: receiver, handler: receiver.Handler()}
		if got := r.send("event=ringing&call_id=c1&" + c.event); got != c.want {
			t.Errorf("%s: answered %q, want %q", c.name, got, c.want)
		}
		queue := ""
		if len(sink.events) > 0 {
			queue = sink.events[0].Call.Queue
		}
		if queue != c.queue {
			t.Errorf("%s: the card says %q, want %q", c.name, queue, c.queue)
		}
	}
}

// An alias of an extension is that extension, from the first event to the last.
func TestAliasesAreTheirAgents(t *testing.T) {
	names := staff()
	names[screenpop.AgentID{Tenant: firm, Extension: "9101"}] = names[screenpop.AgentID{Tenant: firm, Extension: "101"}]
	sink := &basket{}
	receiver, err := New([]Tenant{usTenant(t)}, Deps{Directory: names, Sink: sink})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Receiver: receiver, handler: receiver.Handler()}
	for _, step := range []struct{ event, want, offered string }{
		{"event=ringing&extension=9101,101", "accepted 101", "101 ringing inbound " + caller},
		{"event=ringing&extension=101", "duplicate", ""},
		{"event=connected&extension=9101", "accepted 101", "101 connected inbound " + caller},
		{"event=terminated&extension=9101", "accepted 101", "101 terminated"},
	} {
		got := r.send(step.event + "&call_id=c1&from=6173998147&to=9101")
		if offered := strings.Join(sink.take(), ";"); got != step.want || offered != step.offered {
			t.Errorf("%s: answered %q and offered %q, want %q and %q", step.event, got, offered, step.want, step.offered)
		}
	}
}
