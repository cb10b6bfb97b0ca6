package pbxevents

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

func TestHeard(t *testing.T) {
	r := newRig(t, func(t *Tenant) { t.Auth = Auth{Token: "right"} })
	began := r.clock.Now()
	send := func(token, event, agent string) int {
		req := httptest.NewRequest(http.MethodPost, "/hooks/vodia/"+firm, strings.NewReader(`{"event":"`+event+`","call_id":"c","from":"+16173998147","to":"101"}`))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set(TokenHeader, token)
		req.Header.Set("User-Agent", agent)
		req.RemoteAddr = "10.0.0.9:4711"
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, req)
		return w.Code
	}
	wants := func(step string, want Heard) {
		t.Helper()
		since, got := r.Heard()
		if got[firm] != want || len(got) != 1 || !since.Equal(began) {
			t.Errorf("%s: %+v since %v, want %+v", step, got, since, want)
		}
	}
	wants("nothing yet", Heard{})
	if got := send("right", TestEvent, ""); got != http.StatusOK {
		t.Errorf("a test is answered %d", got)
	}
	send("wrong", "ringing", TestAgent)
	wants("tests alone", Heard{})
	if entries := r.trace.all(); len(entries) != 1 || entries[0].Verdict != string(screenpop.SkipState) || !strings.Contains(entries[0].Detail, "a test by smokepopd doctor") {
		t.Errorf("the trace has %+v", entries)
	}
	r.clock.pass(time.Minute)
	heard := Heard{Event: r.clock.Now()}
	send("right", "ringing", "Vodia")
	wants("a call", heard)
	r.clock.pass(time.Minute)
	heard.Refused, heard.Status, heard.From = r.clock.Now(), http.StatusUnauthorized, "10.0.0.9"
	send("wrong", "ringing", "Vodia")
	_, got := r.Heard()
	if heard.Detail = got[firm].Detail; !strings.Contains(heard.Detail, "token") {
		t.Errorf("the sender was told %q", heard.Detail)
	}
	wants("refused", heard)

	// A tenant that stays through a reload keeps it.
	tenant := usTenant(t)
	put, err := r.Prepare([]Tenant{tenant})
	if err != nil {
		t.Fatal(err)
	}
	put()
	wants("after a reload", heard)
}
