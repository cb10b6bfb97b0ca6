package pbxevents

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// sieve is a Sink that keeps nothing.
type sieve struct{}

func (sieve) Offer([]screenpop.Event) bool { return true }

func benchRig(b *testing.B) *rig {
	r := newRig(b, nil)
	r.tenant(firm).tracker.sink = sieve{}
	r.Receiver.trace = discard{}
	return r
}

// Decode, filter, track: what an event costs before the flow.
func BenchmarkEvent(b *testing.B) {
	r := benchRig(b)
	in := r.tenant(firm)
	now := r.clock.Now()
	bodies := make([][]byte, 3*512)
	for i := range bodies {
		state := []string{"newcall", "connect", "call"}[i%3]
		bodies[i] = fmt.Appendf(nil, `{"event":%q,"call_id":"%d@pbx","from":"+1617399%04d","to":"101","direction":"inbound","time":"2026-11-23T09:00:00Z"}`, state, i/3, i/3)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if i%len(bodies) == 0 {
			in.tracker = newTracker(sieve{}, maxCalls)
		}
		f, refused := (*names)(nil).decodeBody("application/json", bodies[i%len(bodies)])
		if refused != nil {
			b.Fatal(refused)
		}
		var m message
		if refused := m.read(&f, nil); refused != nil {
			b.Fatal(refused)
		}
		if v := in.take(&m, now); v.result != accepted {
			b.Fatal(v)
		}
		i++
	}
}

// What the trace keeps of an event as it came, before it is put into words.
func BenchmarkEventForTheTrace(b *testing.B) {
	r := benchRig(b)
	in := r.tenant(firm)
	f, refused := in.names.decodeBody("application/json", []byte(
		`{"event":"newcall","call_id":"1@pbx","from":"\"Jane Roe\" <sip:+16173998147@h>","to":"16175550100","extension":"101","direction":"inbound","time":"2026-11-23T09:00:00Z"}`))
	if refused != nil {
		b.Fatal(refused)
	}
	m, v := &message{call: "1@pbx"}, &verdict{result: accepted, call: "1@pbx", extensions: []screenpop.Extension{"101"}}
	b.ReportAllocs()
	for b.Loop() {
		m.came = in.names.shapesOf(&f)
		if in.facts(m, v).Fields.IsZero() {
			b.Fatal("no fields")
		}
	}
}

func BenchmarkDecodeForm(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		f, refused := (*names)(nil).decodeForm("event=ringing&call_id=1%40pbx&from=%2B16173998147&to=101&direction=inbound", "the form")
		if refused != nil || f[fFrom].text == "" {
			b.Fatal(refused)
		}
	}
}

func BenchmarkHandler(b *testing.B) {
	r := benchRig(b)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if i%9000 == 0 {
			r.tenant(firm).tracker = newTracker(sieve{}, maxCalls)
		}
		body := fmt.Sprintf(`{"event":"ringing","call_id":"%d@pbx","from":"+16173998147","to":"101"}`, i)
		req := httptest.NewRequest(http.MethodPost, "/hooks/vodia/"+firm, strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, req)
		if w.Code != http.StatusAccepted {
			b.Fatal(w.Body)
		}
		i++
	}
}
