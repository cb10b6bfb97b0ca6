package daemon

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
	"github.com/smokepop/smokepop/internal/trace"
)

var update = flag.Bool("update", false, "write the golden files anew")

// wayCase is a call without a pop, or with one, and how it comes about. Ways of
// calls are printed as smokepopd trace prints them, and held against testdata/ways.txt.
type wayCase struct {
	name string
	// setup: the case has an office of its own; nil: it shares one.
	setup func(*officeOptions)
	play  func(f *office, firm *simulator.Firm, id string)
	// ends: in which order the steps are told is chance.
	ends bool
}

// send is hook for webhooks that need not be taken.
func (f *office) send(body string) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, "http://"+ourAddress+"/hooks/vodia/"+f.firms[0].firm.Domain, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	r.SetBasicAuth("vodia", "webhook-password")
	r.Header.Set("Content-Type", "application/json")
	res, err := f.client.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	_ = res.Body.Close()
	synctest.Wait()
}

// rings lets an agent's phone ring with a number, and the call end.
func (f *office) rings(id, extension, number string) {
	f.call(id, extension, number, "ringing")
	f.call(id, extension, number, "terminated")
}

func failing(fault simulator.Fault) func(f *office, firm *simulator.Firm, id string) {
	return func(f *office, firm *simulator.Firm, id string) {
		fault.Endpoint = simulator.ContactsEndpoint
		defer f.firms[0].smokeball.Inject(fault)()
		f.rings(id, "101", firm.Callers[0].E164())
	}
}

func settings(key string, value any) func(*officeOptions) {
	return func(o *officeOptions) {
		o.tenant = func(t map[string]any) { t["pops"] = map[string]any{key: value} }
	}
}

func pbxSetting(key string, value any) func(*officeOptions) {
	return func(o *officeOptions) {
		o.tenant = func(t map[string]any) { t["pbx"].(map[string]any)[key] = value }
	}
}

const noEvent = "no event at all"

var wayCases = []wayCase{
	{"a pop on two screens; a colleague is not paired", nil, func(f *office, firm *simulator.Firm, id string) {
		defer f.firms[0].smokeball.Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Latency: 5 * time.Millisecond})()
		second := f.desks[firm.Domain+" 101"].second(f)
		f.call(id, "101,103", firm.Callers[0].E164(), "ringing")
		f.call(id, "101", firm.Callers[0].E164(), "connected")
		f.call(id, "101", firm.Callers[0].E164(), "terminated")
		second.leave()
	}, false},
	{"a pop that the agent closed", nil, func(f *office, firm *simulator.Firm, id string) {
		f.call(id, "101", firm.Callers[0].E164(), "ringing")
		_, ids := f.shows("101")
		if err := f.desks[firm.Domain+" 101"].conn.WriteJSON(map[string]string{"type": "dismiss", "id": ids[0]}); err != nil {
			f.t.Error(err)
		}
		synctest.Wait()
	}, false},
	{"unpaired", nil, func(f *office, firm *simulator.Firm, id string) { f.rings(id, "103", firm.Callers[0].E164()) }, false},
	{"a token that was refreshed", nil, func(f *office, firm *simulator.Firm, id string) {
		f.firms[0].smokeball.Inject(simulator.Statuses(simulator.ContactsEndpoint, http.StatusUnauthorized)...)
		f.rings(id, "101", firm.Callers[0].E164())
	}, false},
	{"nobody has the number", nil, func(f *office, _ *simulator.Firm, id string) { f.rings(id, "101", "+16175559876") }, false},
	{"a star code", nil, func(f *office, _ *simulator.Firm, id string) {
		f.send(`{"event":"newcall","call_id":"` + id + `","from":"101","to":"*97"}`)
		f.send(`{"event":"call","call_id":"` + id + `"}`)
	}, false},
	{"an internal call", nil, func(f *office, _ *simulator.Firm, id string) {
		f.send(`{"event":"newcall","call_id":"` + id + `","from":"101","to":"102"}`)
	}, false},
	{"internal by its looks", nil, func(f *office, _ *simulator.Firm, id string) {
		f.send(`{"event":"newcall","call_id":"` + id + `","from":"101","to":"777"}`)
	}, false},
	{"withheld", nil, func(f *office, _ *simulator.Firm, id string) {
		f.send(`{"event":"newcall","call_id":"` + id + `","from":"anonymous","to":"101"}`)
	}, false},
	{"a field that is not known", nil, func(f *office, firm *simulator.Firm, id string) {
		f.send(`{"event":"newcall","call_id":"` + id + `","RemoteParty":"` + firm.Callers[0].E164() + `","to":"101"}`)
	}, false},
	{"an extension that is not known", nil, func(f *office, firm *simulator.Firm, id string) {
		f.send(`{"event":"newcall","call_id":"` + id + `","from":"` + firm.Callers[0].E164() + `","to":"199"}`)
	}, false},
	{"out of scope", func(o *officeOptions) {
		o.tenant = func(t map[string]any) { t["scope"] = map[string]any{"groups": []string{"litigation"}} }
	},
		func(f *office, firm *simulator.Firm, id string) { f.rings(id, "101", firm.Callers[0].E164()) }, false},
	{"an ignored number", pbxSetting("ignore_numbers", []string{"6175550142"}), func(f *office, firm *simulator.Firm, id string) { f.rings(id, "101", firm.Callers[0].E164()) }, false},
	{"another event", nil, func(f *office, _ *simulator.Firm, id string) { f.send(`{"event":"registered","call_id":"` + id + `"}`) }, false},
	{noEvent, nil, func(f *office, _ *simulator.Firm, id string) {
		f.send(`{"event":"newcall","call_id":`)
		f.send(`{"event":"newcall","call_id":"` + id + `"}`)
	}, false},
	{"told twice", nil, func(f *office, firm *simulator.Firm, id string) {
		f.call(id, "101", firm.Callers[0].E164(), "ringing")
		f.call(id, "101", firm.Callers[0].E164(), "ringing")
	}, false},
	{"an end alone", nil, func(f *office, _ *simulator.Firm, id string) {
		f.send(`{"event":"call","call_id":"` + id + `","extension":"101"}`)
	}, false},
	{"inbound calls are off", settings("inbound", false), func(f *office, firm *simulator.Firm, id string) { f.rings(id, "101", firm.Callers[0].E164()) }, false},
	{"pops when answered, and nobody answers", settings("on", "connected"), func(f *office, firm *simulator.Firm, id string) { f.rings(id, "101", firm.Callers[0].E164()) }, false},
	{"pops when answered, still ringing", settings("on", "connected"), func(f *office, firm *simulator.Firm, id string) { f.call(id, "101", firm.Callers[0].E164(), "ringing") }, false},
	{"no page is open", nil, func(f *office, firm *simulator.Firm, id string) {
		d := f.desks[firm.Domain+" 101"]
		d.leave()
		f.rings(id, "101", firm.Callers[0].E164())
		d.back(f)
	}, false},
	{"a page is opened during the call", nil, func(f *office, firm *simulator.Firm, id string) {
		d := f.desks[firm.Domain+" 101"]
		d.leave()
		f.call(id, "101", firm.Callers[0].E164(), "ringing")
		d.back(f)
		f.call(id, "101", firm.Callers[0].E164(), "terminated")
	}, false},
	{"Smokeball has an error", nil, failing(simulator.Fault{Status: http.StatusBadGateway}), false},
	{"Smokeball does not answer", nil, func(f *office, firm *simulator.Firm, id string) {
		defer f.firms[0].smokeball.Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Stall: true})()
		f.call(id, "101", firm.Callers[0].E164(), "ringing")
		time.Sleep(10 * time.Second)
	}, false},
	{"Smokeball cannot be reached", nil, failing(simulator.Fault{Reset: true}), false},
	{"Smokeball is left alone", nil, func(f *office, firm *simulator.Firm, id string) {
		defer f.firms[0].smokeball.Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Status: http.StatusBadGateway})()
		for i := range 5 {
			f.call(fmt.Sprint("before-", i), "102", fmt.Sprintf("+1617555012%d", i), "ringing")
		}
		f.call(id, "101", firm.Callers[0].E164(), "ringing")
		for i := range 5 {
			f.call(fmt.Sprint("before-", i), "102", "", "terminated")
		}
	}, false},
	{"rate limited", nil, failing(simulator.Fault{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"60"}}}), false},
	{"refused with 403", nil, failing(simulator.Fault{Status: http.StatusForbidden}), false},
	{"refused with 401", nil, failing(simulator.Fault{Status: http.StatusUnauthorized}), false},
	{"no search is accepted", nil, failing(simulator.Fault{Status: http.StatusBadRequest}), false},
	{"the call ended first", nil, func(f *office, firm *simulator.Firm, id string) {
		defer f.firms[0].smokeball.Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Latency: 2 * time.Second})()
		f.rings(id, "101", firm.Callers[0].E164())
	}, true},
	{"the agent's call goes on under another id", nil, func(f *office, firm *simulator.Firm, id string) {
		f.call("first", "101", firm.Callers[0].E164(), "ringing")
		f.call("first", "101", firm.Callers[0].E164(), "connected")
		f.call(id, "101", firm.Callers[0].E164(), "connected")
		f.call("first", "101", firm.Callers[0].E164(), "terminated")
	}, false},
	{"the authorisation has ended", nil, func(f *office, firm *simulator.Firm, id string) {
		f.firms[0].smokeball.Inject(simulator.Fault{Endpoint: simulator.TokenEndpoint, Status: http.StatusBadRequest, Body: `{"error":"invalid_grant"}`})
		time.Sleep(2 * time.Hour)
		f.rings(id, "101", firm.Callers[0].E164())
	}, false},
}

// second opens another screen of the agent; leave closes one, and back opens it
// again.
func (d *desk) second(f *office) *desk {
	other := &desk{t: d.t, agent: d.agent, cookie: d.cookie, left: make(chan struct{})}
	other.open(f)
	synctest.Wait()
	return other
}

func (d *desk) back(f *office) {
	d.left = make(chan struct{})
	d.open(f)
	time.Sleep(time.Second)
}

func (d *desk) leave() {
	_ = d.conn.Close()
	<-d.left
	synctest.Wait()
}

// The way of a call for each reason that there is no pop, as it is printed. Times
// are left out: nothing is measured here.
func TestWaysAsPrinted(t *testing.T) {
	printed := map[string]string{}
	play := func(setup func(*officeOptions), cases ...wayCase) {
		inOffice(t, setup, func(f *office, firm *simulator.Firm) {
			for i, tc := range cases {
				id := fmt.Sprint("call-", i)
				tc.play(f, firm, id)
				printed[tc.name] = f.ways(id, tc)
				f.call(id, "", "", "terminated")
				time.Sleep(2 * time.Minute) // nothing is remembered, and Smokeball is asked again
			}
		})
	}
	var shared []wayCase
	for _, tc := range wayCases {
		if tc.setup == nil {
			shared = append(shared, tc)
		} else {
			play(tc.setup, tc)
		}
	}
	play(nil, shared...)
	var all strings.Builder
	for _, tc := range wayCases {
		fmt.Fprintf(&all, "== %s\n%s", tc.name, printed[tc.name])
	}
	const golden = "testdata/ways.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(all.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]string{}
	for _, part := range strings.Split(string(want), "== ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		wanted[name] = text
	}
	for _, tc := range wayCases {
		if printed[tc.name] != wanted[tc.name] {
			t.Errorf("%s: got\n%s\nwant\n%s", tc.name, printed[tc.name], wanted[tc.name])
		}
	}
	if len(wanted) != len(wayCases) {
		t.Errorf("%s has %d ways, want %d", golden, len(wanted), len(wayCases))
	}
}

var (
	wayTimes = regexp.MustCompile(`(\d\d\d\d-\d\d-\d\d )?\d\d:\d\d:\d\d(\.\d\d\d)?`)
	waySpans = regexp.MustCompile(` +\+\d+\.\d ms|\(\d+\.\d ms\)`)
)

// ways returns the way of a call as it is printed, or what came of it alone; and
// that of webhooks which were of no call.
func (f *office) ways(id string, tc wayCase) string {
	f.t.Helper()
	synctest.Wait()
	var doc struct {
		Calls []screenpop.Way `json:"calls"`
	}
	f.ask(http.MethodGet, "http://"+adminAddress+"/v1/trace?by=call", "", nil, &doc)
	var all strings.Builder
	for i := range doc.Calls {
		w := &doc.Calls[i]
		if w.Call != screenpop.CallID(id) && (w.Call != "" || tc.name != noEvent) {
			continue
		}
		w.Call = screenpop.CallID(strings.Replace(string(w.Call), id, "ID", 1))
		if len(w.Ends) == 0 {
			f.t.Errorf("%s: nothing says what came of call %q", tc.name, id)
		}
		if tc.ends {
			w.Steps = nil
		}
		var b strings.Builder
		trace.Print(&b, w, time.UTC)
		all.WriteString(waySpans.ReplaceAllString(wayTimes.ReplaceAllString(b.String(), "TIME"), " SPAN"))
	}
	for _, secret := range []string{"6175550142", "555-0142", "Castellanos", "Maria"} {
		if strings.Contains(all.String(), secret) {
			f.t.Errorf("%s: the way shows %q", tc.name, secret)
		}
	}
	return all.String()
}
