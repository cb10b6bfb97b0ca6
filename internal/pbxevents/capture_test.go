package pbxevents

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// capture runs a capture while send does, and returns what came.
func capture(t *testing.T, r *rig, limits CaptureLimits, send func()) []Captured {
	t.Helper()
	var all []Captured
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			ended <- r.Capture(ctx, firm, limits, func(c Captured) error { all = append(all, c); return nil })
		}()
		synctest.Wait()
		send()
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	if r.tenant(firm).captures.on() {
		t.Error("still capturing")
	}
	return all
}

func fieldsOf(c Captured) string {
	var b []string
	for _, f := range c.Fields {
		b = append(b, f.Source+" "+f.Name+"="+f.Field+": "+f.Shape)
	}
	return strings.Join(b, "; ")
}

func TestCapture(t *testing.T) {
	r := newRig(t, nil)
	got := capture(t, r, CaptureLimits{}, func() {
		r.post("/hooks/vodia/"+firm+"/ringing/101?call_id=abc%40pbx&x=", "application/json",
			`{"from":"\"Jane Roe\" <sip:+16173998147@h>","to":"16175550100","from_name":"Jane Roe","direction":"{dir}","n":null,"list":[1]}`)
	})
	if len(got) != 1 {
		t.Fatalf("%d captured", len(got))
	}
	c := got[0]
	want := "path event=event: text(7); path extension=extension: digits(3); " +
		"body from=from: quoted-name+uri of +digits(11) ending in 47; body to=to: digits(11) ending in 00; body from_name=from_name: text(8); " +
		"body direction=direction: template {dir}; body n=: null; body list=: list; query call_id=call_id: text(7); query x=: empty"
	if fieldsOf(c) != want {
		t.Errorf("fields\n\t%s\nwant\n\t%s", fieldsOf(c), want)
	}
	if c.Method != "POST" || c.ContentType != "application/json" || c.Status != 202 || c.Verdict != "accepted" || !slices.Equal(c.Extensions, []string{"101"}) {
		t.Errorf("%+v", c)
	}
	if len(c.Hints) != 1 || !strings.Contains(c.Hints[0], `"direction" ({dir})`) {
		t.Errorf("hints %q", c.Hints)
	}
}

func TestCaptureRefused(t *testing.T) {
	r := newRig(t, func(t *Tenant) { t.Auth = Auth{Username: "pbx", Password: "s3cret", Token: "t0ken"} })
	do := func(change func(*http.Request), contentType, body string) {
		req := httptest.NewRequest(http.MethodPost, "/hooks/vodia/"+firm+"?secret=hunter2", strings.NewReader(body))
		req.Header.Set("Content-Type", contentType)
		req.SetBasicAuth("pbx", "s3cret")
		req.Header.Set(TokenHeader, "t0ken")
		change(req)
		r.handler.ServeHTTP(httptest.NewRecorder(), req)
	}
	none := func(*http.Request) {}
	got := capture(t, r, CaptureLimits{}, func() {
		do(func(q *http.Request) { q.Header = http.Header{} }, "", `{"event":"ringing"}`)
		do(func(q *http.Request) { q.SetBasicAuth("pbx", "wr0ng") }, "application/json", `{"inside":"1"}`)
		do(none, "text/xml", `event=ringing`)
		do(none, "application/json", `{"event":`)
		do(none, "application/json", `{"event":"ringing"}`)
		do(none, "application/json", strings.Repeat(" ", maxBody+1))
	})
	var verdicts []string
	for _, c := range got {
		verdicts = append(verdicts, c.Verdict)
		if c.Status >= 400 && c.Reason == "" {
			t.Errorf("%s without a reason", c.Verdict)
		}
	}
	if want := "unauthorized unauthorized unsupported-type malformed malformed too-large"; strings.Join(verdicts, " ") != want {
		t.Errorf("%q, want %q", verdicts, want)
	}
	if len(got[0].Hints) != 1 || !strings.Contains(got[0].Hints[0], "without credentials") || strings.Contains(fieldsOf(got[1]), "inside") {
		t.Errorf("%+v, %+v", got[0], got[1])
	}
	if !strings.Contains(fieldsOf(got[2]), "body event=event: text(7)") {
		t.Errorf("a body of another type: %s", fieldsOf(got[2]))
	}
	all, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"s3cret", "t0ken", "wr0ng", "hunter2"} {
		if strings.Contains(string(all), secret) {
			t.Errorf("%s in %s", secret, all)
		}
	}
}

func TestCaptureForbidden(t *testing.T) {
	r := newRig(t, func(t *Tenant) { t.Auth.Allow = prefixes("10.0.0.0/8") })
	got := capture(t, r, CaptureLimits{}, func() { r.post("/hooks/vodia/"+firm+"?event=x", "application/json", `{"a":1}`) })
	if len(got) != 1 || got[0].Status != 403 || fieldsOf(got[0]) != "query event=event: text(1)" {
		t.Errorf("%+v", got)
	}
}

// Hints name the line to add, for names of a PBX's call records and for slips.
func TestCaptureHints(t *testing.T) {
	for _, c := range []struct{ query, want string }{
		{"event=ringing&RemoteParty=6173998147&call_id=c", "aliases: { from: [RemoteParty] }"},
		{"event=ringing&cal_id=c&from=6173998147", "aliases: { call_id: [cal_id] }"},
		{"event=ringing&call_id=c&fromm=6173998147", "aliases: { from: [fromm] }"},
		{"event=ringing&call_id=c&from=6173998147&agent=101", "aliases: { extension: [agent] }"},
		{"event=incoming&call_id=c&from=6173998147", "event_names: { ringing: [incoming] }"},
		{"event=callAnswered&call_id=c&from=6173998147", "event_names: { connected: [callAnswered] }"},
		{"event=cdr&call_id=c&from=6173998147", "event_names: { terminated: [cdr] }"},
		{"event=ringing&call_id={call-id}&from=6173998147", `"call_id" ({call-id})`},
		{"event=ringing&call_id=c&from=6173998147&RemoteParty=6173998147&to=101", ""},
		{"event=ringing&call_id=c&from=6173998147&to=101&blob=x", ""},
		{"event=6173998147&call_id=c&from=1", ""},
	} {
		r := newRig(t, nil)
		got := capture(t, r, CaptureLimits{}, func() { r.send(c.query) })
		hints := strings.Join(got[0].Hints, "\n")
		if c.want == "" && hints != "" || !strings.Contains(hints, c.want) {
			t.Errorf("%s: hints %q, want %q", c.query, hints, c.want)
		}
	}
}

func TestCaptureEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		start := time.Now()
		if err := r.Capture(t.Context(), firm, CaptureLimits{For: time.Hour}, func(Captured) error { return nil }); err != nil || time.Since(start) != maxCaptureTime {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		ended := make(chan error)
		n := 0
		go func() {
			ended <- r.Capture(t.Context(), firm, CaptureLimits{Events: 3}, func(Captured) error { n++; return nil })
		}()
		for range 5 {
			synctest.Wait()
			r.send("event=x&call_id=c")
		}
		if err := <-ended; err != nil || n != 3 {
			t.Errorf("%v after %d", err, n)
		}
		broken := errors.New("broken pipe")
		go func() {
			ended <- r.Capture(t.Context(), firm, CaptureLimits{}, func(Captured) error { return broken })
		}()
		synctest.Wait()
		r.send("event=x&call_id=c")
		if err := <-ended; !errors.Is(err, broken) {
			t.Error(err)
		}
		if err := r.Capture(t.Context(), "other.example.com", CaptureLimits{}, nil); !errors.Is(err, ErrNoTenant) {
			t.Error(err)
		}
	})
}

// Several share, within bounds; who does not keep up is told how much is lost.
func TestCaptureShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		counts := make([]int, maxCaptures)
		hold := make(chan struct{})
		lost := 0
		for i := range maxCaptures {
			go func() {
				ended <- r.Capture(ctx, firm, CaptureLimits{}, func(c Captured) error {
					if i == 0 {
						<-hold
						lost += c.Lost
					}
					counts[i]++
					return nil
				})
			}()
		}
		synctest.Wait()
		if err := r.Capture(ctx, firm, CaptureLimits{}, nil); !errors.Is(err, ErrManyCaptures) {
			t.Error(err)
		}
		for range captureQueue + 10 {
			r.send("event=x&call_id=c")
			synctest.Wait()
		}
		close(hold)
		synctest.Wait()
		r.send("event=x&call_id=c")
		synctest.Wait()
		r.send("event=x&call_id=c")
		synctest.Wait()
		cancel()
		for range maxCaptures {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		for i, n := range counts[1:] {
			if n != captureQueue+12 {
				t.Errorf("capture %d has %d", i+1, n)
			}
		}
		if lost == 0 || lost+counts[0] != captureQueue+12 {
			t.Errorf("the slow one has %d and knows of %d lost", counts[0], lost)
		}
	})
}

// Whatever is sent, no value of it comes out but names of fields, variables and
// events, and the ends of numbers.
func FuzzCapture(f *testing.F) {
	f.Add("from", "16173998147", `{"from":"16173998147"}`)
	f.Add("Remote Party", `"Jane" <sip:6173998147@h>`, `{"x":["6173998147"]}`)
	f.Add("event", "{a}", "event=6173998147")
	r := newRig(f, nil)
	f.Fuzz(func(t *testing.T, name, value, body string) {
		req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		q := req.URL.Query()
		q.Set(name, value)
		req.URL.RawQuery = q.Encode()
		queue := &captureQueueOf{entries: make(chan Captured, 1)}
		in := r.tenant(firm)
		in.captures.join(queue)
		defer in.captures.leave(queue)
		in.observe(&observation{body: []byte(body)}, req, pathFields{extension: value}, &message{extensions: []screenpop.Extension{screenpop.Extension(value)}}, verdict{result: accepted}, nil, r.clock.Now())
		c := <-queue.entries
		for _, x := range c.Fields {
			if len(x.Name) > 80 || len(x.Shape) > 120 {
				t.Fatalf("%+v", x)
			}
			if n := number(strings.TrimSpace(value)); x.Source == "query" && n >= 5 && strings.Contains(x.Shape, strings.TrimSpace(value)) {
				t.Fatalf("%q in %+v", value, x)
			}
		}
		if len(c.Fields) > maxCapturedFields || len(c.Hints) > maxHints {
			t.Fatalf("%d fields, %d hints", len(c.Fields), len(c.Hints))
		}
		if _, err := json.Marshal(c); err != nil {
			t.Fatal(err)
		}
	})
}

func prefixes(s string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(s)} }
