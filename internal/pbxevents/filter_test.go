package pbxevents

import (
	"regexp"
	"testing"

	"github.com/smokepop/smokepop/internal/numbering"
	"github.com/smokepop/smokepop/internal/screenpop"
)

const caller = "+16173998147"

// One row for each sentence that is promised of the filter.
func TestFilter(t *testing.T) {
	for _, c := range []struct {
		promise string
		change  func(*Tenant)
		query   string
		want    string
		offered string // the first event; empty: none
	}{
		{"inbound: the party called is ours, the other one calls", nil,
			"from=6173998147&to=101", "accepted 101", "101 ringing inbound " + caller},
		{"outbound: the party that calls is ours, the other one is called", nil,
			"from=101&to=6173998147", "accepted 101", "101 ringing outbound " + caller},
		{"the parties may be URIs with names", nil,
			`from="John" <sip:6173998147@firm.example.com;user=phone>&to=<sip:101@firm.example.com>`, "accepted 101", "101 ringing inbound " + caller},
		{"any other event than the three states is skipped", nil,
			"event=mailbox&from=6173998147&to=101", "state", ""},
		{"extension to extension is ignored", nil,
			"from=101&to=102", "internal-call", ""},
		{"extension to one outside the directory is ignored", nil,
			"from=101&to=2009", "internal-call", ""},
		{"two extensions that are not in the directory are ignored", nil,
			"from=300&to=2009&extension=101", "internal-call", ""},
		{"an extension written with separators is one", nil,
			"from=101&to=1-0-2", "internal-call", ""},
		{"an extension in full-width digits is one", nil,
			"from=１０１&to=6173998147", "accepted 101", "101 ringing outbound " + caller},
		{"a colleague's mailbox is internal", nil,
			"from=101&to=8102", "internal-call", ""},
		{"the mailbox of an extension that only looks like one is internal", nil,
			"from=101&to=82009", "internal-call", ""},
		{"a dialled star code is ignored", nil,
			"from=101&to=*97", "star-code", ""},
		{"a star code with a number behind it is ignored", nil,
			"from=101&to=*676173998147", "star-code", ""},
		{"a star code in a URI is ignored", nil,
			"from=101&to=sip:%2A97@firm.example.com", "star-code", ""},
		{"a star code as the calling party is ignored", nil,
			"from=*87101&to=102", "star-code", ""},
		{"other star prefixes can be set", func(t *Tenant) { t.StarPrefixes = []string{"#", ""} },
			"from=101&to=#976173998147", "star-code", ""},
		{"known extensions decide, whatever the direction says", nil,
			"from=6173998147&to=101&direction=outbound", "accepted 101", "101 ringing inbound " + caller},
		{"known extensions decide an outbound call's inbound leg", nil,
			"from=101&to=6173998147&direction=I", "accepted 101", "101 ringing outbound " + caller},
		{"neither party is ours: the direction decides", nil,
			"from=6173998147&to=+16175550100&direction=inbound&extension=101", "accepted 101", "101 ringing inbound " + caller},
		{"neither party is ours, outbound", nil,
			"from=+16175550100&to=6173998147&direction=O&extension=101", "accepted 101", "101 ringing outbound " + caller},
		{"neither party is ours and no direction: inbound", nil,
			"from=6173998147&to=+16175550100&extension=101", "accepted 101", "101 ringing inbound " + caller},
		{"a direction nobody knows is none", nil,
			"from=6173998147&to=+16175550100&extension=101&direction=sideways", "accepted 101", "101 ringing inbound " + caller},
		{"neither party is ours and no extension named", nil,
			"from=6173998147&to=+16175550100", "unknown-extension", ""},
		{"the extensions the event names are concerned, not the party", nil,
			"from=6173998147&to=600&extension=101,102", "accepted 101,102", "101 ringing inbound " + caller},
		{"an extension is named once", nil,
			"from=6173998147&to=600&extension=101,101,sip:101@firm.example.com", "accepted 101", "101 ringing inbound " + caller},
		{"a called ring group without its members concerns nobody known", nil,
			"from=6173998147&to=600", "unknown-extension", ""},
		{"an extension that is not in the directory", nil,
			"from=6173998147&to=199", "unknown-extension", ""},
		{"scope: an extension outside", func(t *Tenant) { t.Scope = Scope{Extensions: []string{"101"}} },
			"from=6173998147&to=102", "out-of-scope", ""},
		{"scope: an extension inside", func(t *Tenant) { t.Scope = Scope{Extensions: []string{"101"}} },
			"from=6173998147&to=101", "accepted 101", "101 ringing inbound " + caller},
		{"scope: a group", func(t *Tenant) { t.Scope = Scope{Groups: []string{"billing"}} },
			"from=6173998147&to=150", "accepted 150", "150 ringing inbound " + caller},
		{"scope: outside the group", func(t *Tenant) { t.Scope = Scope{Groups: []string{"billing"}} },
			"from=6173998147&to=101", "out-of-scope", ""},
		{"scope: extensions and groups are their union", func(t *Tenant) { t.Scope = Scope{Extensions: []string{"101"}, Groups: []string{"billing"}} },
			"from=6173998147&to=600&extension=101,102,150", "accepted 101,150", "101 ringing inbound " + caller},
		{"scope: nothing set is nobody", func(t *Tenant) { t.Scope = Scope{} },
			"from=6173998147&to=101", "out-of-scope", ""},
		{"of a mixed list those known and in scope go on", func(t *Tenant) { t.Scope = Scope{Extensions: []string{"101"}} },
			"from=6173998147&to=600&extension=199,102,101", "accepted 101", "101 ringing inbound " + caller},
		{"of a mixed list with nobody left, out of scope is told", func(t *Tenant) { t.Scope = Scope{Extensions: []string{"101"}} },
			"from=6173998147&to=600&extension=199,102", "out-of-scope", ""},
		{"a withheld caller", nil, "from=anonymous&to=101", "no-number", ""},
		{"an empty caller", nil, "from=&to=101", "no-number", ""},
		{"a caller that is not told", nil, "to=101", "no-number", ""},
		{"a caller named Unknown", nil, "from=Unknown&to=101", "no-number", ""},
		{"an ignored number", ignoring("+16173998147"), "from=6173998147&to=101", "ignored-number", ""},
		{"an ignored number in another form", ignoring("(617) 399-8147"), "from=sip:16173998147@h&to=101", "ignored-number", ""},
		{"an ignored number that is called", ignoring("911"), "from=101&to=911", "ignored-number", ""},
		{"another number than the ignored one", ignoring("+16173998148"), "from=6173998147&to=101", "accepted 101", "101 ringing inbound " + caller},
		{"a public short number is no extension", nil, "from=101&to=911", "accepted 101", "101 ringing outbound 911"},
		{"a public short number that looks like an extension is none", nil, "from=101&to=411", "accepted 101", "101 ringing outbound 411"},
		{"a public short number is no mailbox", nil, "from=101&to=811", "accepted 101", "101 ringing outbound 811"},
		{"a four-digit SMS code is an extension, if it looks like one", nil, "from=101&to=2009", "internal-call", ""},
		{"AU: a six-digit 13 number is a caller", australia, "from=132221&to=101", "accepted 101", "101 ringing inbound 132221"},
		{"AU: a six-digit 13 number is called", australia, "from=101&to=131114", "accepted 101", "101 ringing outbound 131114"},
		{"AU: E.164 without plus", australia, "from=61370640656&to=101", "accepted 101", "101 ringing inbound +61370640656"},
		{"a known extension is ours though the public knows the number", britain, "from=02079460000&to=101", "accepted 101", "101 ringing inbound +442079460000"},
		{"GB: 999 is no extension", britain, "from=101&to=999", "accepted 101", "101 ringing outbound 999"},
		{"an expression without anchors has to match as a whole", loose, "from=6173998147&to=101", "accepted 101", "101 ringing inbound " + caller},
		{"without an expression the directory alone tells", strict, "from=101&to=2009", "accepted 101", "101 ringing outbound 2009"},
		{"star-code is told before internal-call", nil, "from=*97&to=101", "star-code", ""},
		{"internal-call is told before unknown-extension", nil, "from=300&to=301&extension=999", "internal-call", ""},
		{"unknown-extension is told before no-number", nil, "from=&to=199", "unknown-extension", ""},
		{"out-of-scope is told before no-number", func(t *Tenant) { t.Scope = Scope{} }, "from=&to=101", "out-of-scope", ""},
	} {
		r := newRig(t, c.change)
		query := c.query
		if len(query) < 6 || query[:6] != "event=" {
			query = "event=ringing&" + query
		}
		if got := r.send(query + "&call_id=c1"); got != c.want {
			t.Errorf("%s: answered %q, want %q", c.promise, got, c.want)
		}
		first := ""
		if lines := r.sink.take(); len(lines) > 0 {
			first = lines[0]
		}
		if first != c.offered {
			t.Errorf("%s: offered %q, want %q", c.promise, first, c.offered)
		}
	}
}

func ignoring(number string) func(*Tenant) {
	return func(t *Tenant) { t.Ignore = []screenpop.Number{{}, t.Numbers.Parse(number)} }
}

func australia(t *Tenant) { t.Numbers = plan("AU") }
func britain(t *Tenant)   { t.Numbers = plan("GB") }
func loose(t *Tenant)     { t.Extensions = regexp.MustCompile(`[1-8][0-9]{1,3}`) }
func strict(t *Tenant)    { t.Extensions, t.MailboxPrefix = nil, "" }

func plan(country string) *numbering.Plan {
	p, err := numbering.NewPlan(country, "")
	if err != nil {
		panic(err)
	}
	return p
}

// The same message decides the same: nothing is remembered by the rules.
func TestRulesArePure(t *testing.T) {
	r := newRig(t, nil)
	rules := r.tenant(firm).rules
	m := message{state: screenpop.Ringing, call: "c", from: party{text: "6173998147", user: "6173998147", given: true}, to: party{text: "101", user: "101", given: true}}
	a, b := rules.decide(&m), rules.decide(&m)
	if a.number != b.number || a.direction != b.direction || a.skip != b.skip || len(a.agents) != 1 || len(b.agents) != 1 {
		t.Errorf("decided %+v, then %+v", a, b)
	}
}
