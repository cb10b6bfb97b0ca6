package pbxevents

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// What is accepted is no star code and no internal call, however it is written
// and by whichever way it comes in; whatever is sent gets one of the answers
// that are promised.
func FuzzWebhook(f *testing.F) {
	for _, s := range [][4]string{
		{"/ringing/101", "call_id=c", "application/json", `{"from":"6173998147","to":"*97"}`},
		{"", "event=ringing&call_id=c&from=%2B16173998147&to=101", "", ""},
		{"", "", "application/x-www-form-urlencoded", "event=newcall&id=c&caller=sip%3A102%40h&callee=%22x%22+%3Csip%3A%252A97%40h%3E&ext=101,102"},
		{"", "", "application/json", `{"event":"connected","call_id":1,"from":"101","to":8102,"extension":["101",102],"x":[{}]}`},
		{"", "", "", `{"state":"{state}","event":"end","call-id":"c","from":null}`},
		{"/%7Bevent%7D/%7Bext%7D", "dir=O", "", "event=answer&call_id=c&from=101&to=911"},
	} {
		f.Add(s[0], s[1], s[2], s[3])
	}
	r := newRig(f, nil)
	t0 := r.tenant(firm)
	f.Fuzz(func(t *testing.T, path, query, contentType, body string) {
		u, err := url.Parse("/hooks/vodia/" + firm + path)
		if err != nil || u.Host != "" {
			t.Skip()
		}
		u.RawQuery = query
		r.Receiver.tenant(firm).tracker = newTracker(r.sink, maxCalls)
		r.sink.events, r.sink.lines = nil, nil
		req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		req.URL = u
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
		}
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, req)
		switch w.Code {
		case http.StatusAccepted:
		case http.StatusOK, http.StatusBadRequest, http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
			if len(r.sink.events) > 0 {
				t.Fatalf("%d, but offered %v", w.Code, r.sink.events)
			}
		default:
			t.Fatalf("answered %d", w.Code)
		}
		if !json.Valid(w.Body.Bytes()) || !utf8.Valid(w.Body.Bytes()) {
			t.Fatalf("answered %q", w.Body)
		}
		for _, e := range r.sink.events {
			if n := e.Call.Number.Canonical; n == "" || t0.rules.star(n) || t0.rules.ours(n) {
				t.Fatalf("popped %q", n)
			}
			if _, known := staff()[e.Agent.AgentID]; !known {
				t.Fatalf("popped at %v", e.Agent)
			}
			m := readAgain(t, w.Code, path, query, contentType, body)
			if t0.rules.star(m.from.user) || t0.rules.star(m.to.user) || t0.rules.account(&m.from) != "" && t0.rules.account(&m.to) != "" {
				t.Fatalf("popped %+v", m)
			}
		}
	})
}

// readAgain decodes by the fields alone, as the handler did.
func readAgain(t *testing.T, status int, path, query, contentType, body string) *message {
	t.Helper()
	f, refused := (*names)(nil).decodeBody(contentType, []byte(body))
	q, refusedQuery := (*names)(nil).decodeForm(query, "the query string")
	if refused != nil || refusedQuery != nil {
		t.Fatalf("answered %d to what cannot be decoded", status)
	}
	var all fields
	if parts := strings.Split(path, "/"); len(parts) == 3 {
		for i, id := range []fieldID{fEvent, fExtension} {
			text, err := url.PathUnescape(parts[i+1])
			if err != nil {
				t.Fatal(err)
			}
			all.set(id, 0, text)
		}
	}
	all.under(&f)
	all.under(&q)
	m := new(message)
	if refused := m.read(&all, nil); refused != nil {
		t.Fatalf("answered %d to %v", status, refused)
	}
	return m
}

// The JSON decoder takes nothing that is not JSON, and a form says the same as
// the object it could have been.
func FuzzDecodeJSON(f *testing.F) {
	for _, s := range []string{
		event101, `{"event":"ringing","event":"x"}`, `{"extension":["1",2,{}]}`, `{"a":[[[1e400]]]}`, `{"from":1.5}`, `null`, `{}{}`, `{"x":"\ud800"}`, "{\"from\":\"\xff\"}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, refused := (*names)(nil).decodeJSON([]byte(body))
		if refused != nil {
			if refused.status != http.StatusBadRequest || refused.detail == "" {
				t.Fatalf("refused with %+v", refused)
			}
			return
		}
		if !json.Valid([]byte(body)) {
			t.Fatalf("took %q", body)
		}
		agrees(t, body, &got)
		form := url.Values{}
		for id := range got {
			v := &got[id]
			name := [fieldCount]string{"event", "call_id", "primary_call_id", "from", "to", "extension", "direction", "from_name", "time", "id", "queue", "answered_by"}[id]
			if v.given && fieldID(id) != fExtension {
				form.Set(name, v.text)
			}
		}
		same, refused := (*names)(nil).decodeForm(form.Encode(), "the form")
		if refused != nil {
			t.Fatal(refused)
		}
		for id := range got {
			if fieldID(id) != fExtension && (got[id].text != same[id].text || got[id].given != same[id].given) {
				t.Fatalf("field %d is %+v in JSON, %+v in a form", id, got[id], same[id])
			}
		}
	})
}

// Any order of events of a call leaves the screens in order.
func FuzzTrack(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3}, "c")
	f.Add([]byte{9, 18, 27, 4, 200, 13, 77}, "d")
	f.Fuzz(func(t *testing.T, moves []byte, id string) {
		r := newRig(t, nil)
		checker := &screens{t: t}
		r.tenant(firm).tracker.sink = checker
		for _, b := range moves {
			m := eventOf(int(b), screenpop.CallID(id))
			r.tenant(firm).take(&m, r.clock.Now())
			checker.consistent(r)
		}
	})
}

// agrees compares what was read with what encoding/json reads, for fields that
// go by one name only.
func agrees(t *testing.T, body string, got *fields) {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		t.Fatalf("took %q: %v", body, err)
	}
	names := map[fieldID]int{}
	for key := range all {
		id, _ := builtInField(key)
		names[id]++
	}
	for key, raw := range all {
		id, _ := builtInField(key)
		var want string
		if id == unknownField || id == fExtension || names[id] > 1 || raw[0] != '"' || json.Unmarshal(raw, &want) != nil {
			continue
		}
		if want = strings.TrimSpace(want); !unfilled(want) && (!got[id].given || got[id].text != want) {
			t.Fatalf("%q: %q is %+v, want %q", body, key, got[id], want)
		}
	}
}

// Any lists of live calls among any webhooks leave the screens in order, and an
// empty list takes away what lists have put there.
func FuzzLive(f *testing.F) {
	f.Add([]byte{1, 2, 3, 0, 200, 9}, "c", "6173998147", "101,102")
	f.Add([]byte{255, 7, 0, 0, 31}, "", `"x" <sip:6173998148@h>`, "*103")
	f.Fuzz(func(t *testing.T, moves []byte, id, from, extensions string) {
		r := newRig(t, nil)
		checker := &screens{t: t}
		r.tenant(firm).tracker.sink = checker
		for _, b := range moves {
			if b%4 == 0 {
				m := eventOf(int(b/4), "c")
				r.tenant(firm).take(&m, r.clock.Now())
			} else {
				calls := []LiveCall{{ID: id, From: from, To: "600", Extensions: strings.Split(extensions, ","), Connected: b&8 != 0}, {ID: "d", From: "6173998147", To: "101", Ended: b&16 != 0}}
				if err := r.Live(firm, calls[:b%4%3]); err != nil {
					t.Fatal(err)
				}
			}
			checker.consistent(r)
		}
		if err := r.Live(firm, nil); err != nil {
			t.Fatal(err)
		}
		for _, c := range r.tenant(firm).tracker.calls {
			for _, l := range c.legs {
				if l.live() && c.sources == byLiveList {
					t.Fatalf("%s is up after an empty list", c.id)
				}
			}
		}
	})
}
