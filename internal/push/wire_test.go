package push

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/smokepop/smokepop/internal/screenpop"
)

var update = flag.Bool("update", false, "write the golden messages anew")

var (
	morning = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	john    = screenpop.Contact{
		ID: "0b6f1f5e-6d0a-4c2e-9c55-0f5f1c2f3a10", Name: "John <Smith> & Söhne", Kind: screenpop.Person, Matched: "cell",
		URL: "https://app.smokeball.com/#/billing/view-contact/0b6f1f5e-6d0a-4c2e-9c55-0f5f1c2f3a10/details",
		Matters: []screenpop.Matter{{
			ID: "5d0c0b33-9a10-4c0e-8f6e-2d3a6f1b7c20", Number: "10001", Title: "Smith v Jones", Status: "Open",
			URL: "https://app.smokeball.com/#/billing/view-matter/5d0c0b33-9a10-4c0e-8f6e-2d3a6f1b7c20/details",
		}},
	}
	acme = screenpop.Contact{ID: "9f3b1c77-0e4d-4a55-8a42-6b1c7d9e0f30", Name: "Acme Pty Ltd", Kind: screenpop.Company, Company: "Acme Pty Ltd", Matched: "phone"} // Matters is nil
)

func ringing() screenpop.Pop {
	return screenpop.Pop{
		ID: "P1",
		Call: screenpop.Call{
			ID: "call-1", Direction: screenpop.Inbound, State: screenpop.Ringing, Queue: "intake", Started: morning,
			Number: screenpop.Number{Canonical: "+16173998147", Display: "(617) 399-8147"},
		},
		Contacts: []screenpop.Contact{john, acme}, More: 3,
	}
}

func unknownCaller() screenpop.Pop {
	return screenpop.Pop{ID: "P2", Call: screenpop.Call{
		ID: "call-2", Direction: screenpop.Outbound, State: screenpop.Connected,
		Started: morning.In(time.FixedZone("AEDT", 11*3600)),
		Number:  screenpop.Number{Canonical: "131114", Display: "13 11 14"},
	}} // Contacts is nil
}

func paired() screenpop.Pairing {
	since, expires, matches := morning.Add(-time.Hour), morning.Add(720*time.Hour), false
	return screenpop.Pairing{
		State: screenpop.Paired, Since: &since, Expires: &expires, Account: "priya@firm.example", EmailMatches: &matches,
		Problem: "The Smokeball user has another e-mail than the extension.",
	}
}

func view() screenpop.SettingsView {
	rule := screenpop.SettingsRule{
		Defaults: screenpop.AgentSettings{On: screenpop.Ringing, Inbound: true, Outbound: true, Notification: screenpop.NotifyNumber},
		Locked:   []string{screenpop.SettingSound},
	}
	on := screenpop.Connected
	return rule.View(screenpop.SettingsChoice{On: &on})
}

func must(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func body(t *testing.T, p screenpop.Pop) []byte {
	t.Helper()
	b, err := encodePop(p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The messages on the wire, to the byte.
func TestGoldenMessages(t *testing.T) {
	agent := screenpop.Agent{AgentID: screenpop.AgentID{Tenant: "firm.example.com", Extension: "101"}, Name: "Priya Shah", Email: "priya@firm.example", Groups: []string{"intake"}}
	live, card := body(t, ringing()), body(t, unknownCaller())
	connected := ringing()
	connected.Call.State = screenpop.Connected
	full := &room{
		seq:    17,
		live:   []livePop{{id: "P1", body: live}, {id: "P2", body: card}},
		recent: []endedPop{{body: encodeEnded(card, morning.Add(time.Minute), screenpop.EndAnsweredElsewhere, `Tom "T" Reed`, screenpop.OutcomeNoMatch)}},
	}
	past, err := encodePast(screenpop.EndedPop{
		Pop: unknownCaller(), Ended: morning.Add(time.Minute), Reason: screenpop.EndTerminated, Outcome: screenpop.OutcomeUnavailable,
	})
	if err != nil {
		t.Fatal(err)
	}
	linked := unknownCaller()
	linked.Links = &screenpop.Links{Search: "https://app.smokeball.com/#/contacts?search=131114"}
	for name, got := range map[string][]byte{
		"hello.json":         hello(greeting{must(t, agent), must(t, paired()), must(t, view())}, surroundings{service: ServiceNotAnswering}, full),
		"hello-cut-off.json": hello(greeting{must(t, agent), must(t, paired()), nil}, surroundings{ServiceOK, ClusterCutOff}, &room{}),
		"cluster.json":       frame("cluster", 27, "cluster", appendCluster(nil, ClusterCutOff)),
		"settings.json":      frame("settings", 22, "settings", must(t, view())),
		"hello-empty.json":   hello(greeting{must(t, agent), must(t, screenpop.Pairing{State: screenpop.Unpaired}), nil}, surroundings{service: ServiceOK}, &room{}),
		"pop.json":           frame("pop", 18, "pop", live),
		"pop-unknown.json":   frame("pop", 19, "pop", card),
		"update.json":        frame("update", 20, "pop", body(t, connected)),
		"end.json":           endFrame(21, "P1", screenpop.EndAnsweredElsewhere, "Priya Shah"),
		"end-plain.json":     endFrame(22, "P2", screenpop.EndTerminated, ""),
		"pop-links.json":     frame("pop", 24, "pop", body(t, linked)),
		"past.json":          frame("past", 25, "pop", past),
		"service.json":       frame("service", 26, "service", appendService(nil, ServiceNotAnswering)),
		"pairing.json":       frame("pairing", 23, "pairing", must(t, paired())),
	} {
		t.Run(name, func(t *testing.T) {
			if !json.Valid(got) {
				t.Errorf("no JSON: %s", got)
			}
			path := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, bytes.TrimSuffix(want, []byte("\n"))) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// What is put together from bytes is what encoding/json would have made.
func TestEndedPopIsTheTypesOwnJSON(t *testing.T) {
	for _, p := range []screenpop.Pop{ringing(), unknownCaller()} {
		p = emptied(p)
		want := must(t, screenpop.EndedPop{Pop: p, Ended: morning, Reason: screenpop.EndDismissed, AnsweredBy: "<Tom>", Outcome: screenpop.OutcomeNoMatch})
		if got := encodeEnded(body(t, p), morning, screenpop.EndDismissed, "<Tom>", screenpop.OutcomeNoMatch); !bytes.Equal(got, want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		past, err := encodePast(screenpop.EndedPop{
			Pop: p, Ended: morning.In(time.FixedZone("AEDT", 11*3600)), Reason: screenpop.EndDismissed, AnsweredBy: "<Tom>", Outcome: screenpop.OutcomeNoMatch,
		})
		if err != nil || !bytes.Equal(past, want) {
			t.Errorf("past %s, %v\nwant %s", past, err, want)
		}
	}
}

func TestEncodingLeavesSharedContactsAlone(t *testing.T) {
	p := ringing()
	body(t, p)
	if p.Contacts[1].Matters != nil {
		t.Error("the caller's contact was changed")
	}
}

func TestDecodeRequest(t *testing.T) {
	dismiss, open := request{"dismiss", "P1"}, request{"open", "P1"}
	for in, want := range map[string]request{
		`{"type":"dismiss","id":"P1"}`:                   dismiss,
		`{"type":"open","id":"P1"}`:                      open,
		` { "id" : "P1" , "type" : "dismiss" } `:         dismiss,
		`{"type":"dismiss","id":"P1","from":"keyboard"}`: dismiss, // a newer page may say more
		`{"type":"dismiss","id":""}`:                     {},
		`{"type":"open","id":""}`:                        {},
		`{"type":"dismiss"}`:                             {},
		`{"type":"dismiss","id":7}`:                      {},
		`{"type":"dismiss","id":null}`:                   {},
		`{"type":"ping","id":"P1"}`:                      {},
		`{"type":"Open","id":"P1"}`:                      {},
		`{"id":"P1"}`:                                    {},
		`{"type":"dismiss","id":"P1"}{}`:                 {},
		`[{"type":"dismiss","id":"P1"}]`:                 {},
		`"dismiss"`:                                      {},
		`null`:                                           {},
		``:                                               {},
		"{\"type\":\"dismiss\",\"id\":\"\xff\"}":         {},
	} {
		got, err := decodeRequest([]byte(in))
		if got != want || (err == nil) != (want != request{}) || err != nil && !errors.Is(err, errNoRequest) {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

func FuzzDecodeRequest(f *testing.F) {
	for _, s := range []string{`{"type":"dismiss","id":"P1"}`, `{"type":"open","id":"P1"}`, `{"type":"dismiss","id":""}`, `null`, `[]`, "{\"id\":\"\xff\"}", `{"TYPE":"dismiss","ID":"x"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decodeRequest(b)
		if err != nil {
			if got != (request{}) || !errors.Is(err, errNoRequest) {
				t.Fatalf("%q: %q with the error %v", b, got, err)
			}
			return
		}
		if got.kind != requestDismiss && got.kind != requestOpen || got.id == "" || !utf8.ValidString(got.id) || len(got.id) > 3*len(b) {
			t.Fatalf("%q: %q", b, got)
		}
		again, err := decodeRequest(must(t, map[string]string{"type": got.kind, "id": got.id}))
		if err != nil || again != got {
			t.Fatalf("%q: %q came back as %q, %v", b, got, again, err)
		}
	})
}

// Whatever is in a name, a frame carries it whole and stays JSON.
func FuzzFrames(f *testing.F) {
	f.Add("John", "id", "by")
	f.Add("</script>\u2028\x00\xff", `"`, `\`)
	f.Fuzz(func(t *testing.T, name, id, by string) {
		p := screenpop.Pop{ID: id, Contacts: []screenpop.Contact{{Name: name, Matters: []screenpop.Matter{}}}}
		b := body(t, p)
		var in struct{ Pop screenpop.Pop }
		if err := json.Unmarshal(frame("pop", 1, "pop", b), &in); err != nil {
			t.Fatal(err)
		}
		if utf8.ValidString(name) && in.Pop.Contacts[0].Name != name {
			t.Fatalf("name %q came back as %q", name, in.Pop.Contacts[0].Name)
		}
		var ended screenpop.EndedPop
		if err := json.Unmarshal(encodeEnded(b, morning, screenpop.EndTerminated, by, screenpop.OutcomeMatched), &ended); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(ended.Pop, in.Pop) || !ended.Ended.Equal(morning) || utf8.ValidString(by) && ended.AnsweredBy != by {
			t.Fatalf("got %+v of %+v", ended, in.Pop)
		}
		var end struct {
			ID         string
			AnsweredBy string `json:"answered_by"`
		}
		if err := json.Unmarshal(endFrame(1, id, screenpop.EndTerminated, by), &end); err != nil || utf8.ValidString(id) && end.ID != id {
			t.Fatalf("end %+v, %v", end, err)
		}
	})
}

// A string is written as encoding/json writes it, whatever is in it.
func TestStringsAreWrittenAsJSONHasThem(t *testing.T) {
	all := []string{"", "answered-elsewhere", "Söhne", "\u2028", "\xff", "a\x00b"}
	for c := range 256 {
		all = append(all, "x"+string([]byte{byte(c)})+"y")
	}
	for _, s := range all {
		want, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendString([]byte("["), s); string(got) != "["+string(want) {
			t.Errorf("%q is written as %s, want %s", s, got, want)
		}
	}
}
