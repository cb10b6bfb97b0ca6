package web

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

func (r *rig) admin(method, target, body string, change ...func(*http.Request)) *http.Response {
	r.t.Helper()
	req := httptest.NewRequestWithContext(r.t.Context(), method, target, strings.NewReader(body))
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, c := range change {
		c(req)
	}
	w := httptest.NewRecorder()
	r.server.Admin().ServeHTTP(w, req)
	return w.Result()
}

func (r *rig) adminCall(method, target, body string, change ...func(*http.Request)) string {
	r.t.Helper()
	return wants(r.t, r.admin(method, target, body, change...), 200)
}

const thePriya = `{"tenant":"Firm.example.com.","extension":"101"}`

func TestAdminListsAgents(t *testing.T) {
	r := newRig(t)
	want := `{"agents":[` +
		`{"tenant":"firm.example.com","extension":"101","name":"Priya Shah","email":"priya@firm.example","pairing":{"state":"unpaired","since":null,"expires":null,"account":"","email_matches":null,"problem":""},"screens":3},` +
		`{"tenant":"firm.example.com","extension":"102","name":"Daniel Reyes","email":"daniel@firm.example","pairing":{"state":"unpaired","since":null,"expires":null,"account":"","email_matches":null,"problem":""},"screens":3}]}` + "\n"
	if got := r.adminCall("GET", "/v1/agents", ""); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	if got := r.adminCall("GET", "/v1/agents?extension=102&tenant=FIRM.example.com", ""); strings.Contains(got, "Priya") || !strings.Contains(got, "Daniel") {
		t.Errorf("filtered: %s", got)
	}
	r.directory.agents = nil
	if got := r.adminCall("GET", "/v1/agents", ""); got != "{\"agents\":[]}\n" {
		t.Errorf("nobody: %s", got)
	}
}

func TestAdminInvites(t *testing.T) {
	r := newRig(t)
	var made struct {
		URL, Tenant, Extension string
		Expires                time.Time
	}
	if err := json.Unmarshal([]byte(r.adminCall("POST", "/v1/invites", thePriya)), &made); err != nil {
		t.Fatal(err)
	}
	address, token, _ := strings.Cut(made.URL, "#")
	if address != home+"/join" || len(token) != tokenLength || made.Tenant != "firm.example.com" || made.Extension != "101" || !made.Expires.Equal(r.clock.now().Add(24*time.Hour)) {
		t.Errorf("%+v", made)
	}
	wants(t, r.request("POST", "/api/session", `{"invite":"`+token+`"}`), 204)
	if strings.Contains(r.log.String(), token) {
		t.Error("the log shows the invite")
	}
}

func TestAdminSignsOut(t *testing.T) {
	r := newRig(t)
	one, two, other := r.join(priya), r.join(priya), r.join(daniel)
	pending := r.invite(priya)
	if got := r.adminCall("POST", "/v1/sign-out", thePriya); got != "{\"sessions\":2}\n" {
		t.Errorf("got %s", got)
	}
	wants(t, r.request("GET", "/api/me", "", with(one)), 401)
	wants(t, r.request("GET", "/api/me", "", with(two)), 401)
	wants(t, r.request("GET", "/api/me", "", with(other)), 200)
	wants(t, r.request("POST", "/api/session", `{"invite":"`+pending+`"}`), 403)
	if said := r.wall.said(); !slices.Contains(said, "close agent 101@firm.example.com 4503") {
		t.Errorf("screens were told %q", said)
	}
}

func TestAdminUnpairs(t *testing.T) {
	r := newRig(t)
	r.smokeball.paired[priya.AgentID] = true
	if got := r.adminCall("POST", "/v1/unpair", thePriya); got != "{\"revoked\":true,\"was_paired\":true}\n" {
		t.Errorf("got %s", got)
	}
	if said := r.wall.said(); !slices.Contains(said, "end all 101@firm.example.com") {
		t.Errorf("screens were told %q", said)
	}
}

func TestAdminIsToldOfNobodyElse(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		method, target, body string
		status               int
	}{
		{"POST", "/v1/invites", `{"tenant":"firm.example.com","extension":"999"}`, 404},
		{"POST", "/v1/sign-out", `{"tenant":"other.example","extension":"101"}`, 404},
		{"POST", "/v1/unpair", `{"tenant":"firm.example.com","extension":"999"}`, 404},
		{"GET", "/v1/agents?tenant=other.example", "", 404},
		{"GET", "/v1/agents?extension=999", "", 404},
		{"GET", "/v1/trace?tenant=firm.example.com&extension=999", "", 404},
		{"POST", "/v1/invites", `{"tenant":"firm.example.com"}`, 400},
		{"POST", "/v1/invites", ``, 400},
		{"GET", "/v1/invites", ``, 405},
		{"GET", "/v1/nothing", ``, 404},
	} {
		if body := wants(t, r.admin(c.method, c.target, c.body), c.status); strings.Contains(body, "Priya") || strings.Contains(body, "102") {
			t.Errorf("%s: %s", c.target, body)
		}
	}
}

func TestAdminReadsTheTrace(t *testing.T) {
	r := newRig(t)
	if got := r.adminCall("GET", "/v1/trace", ""); got != "{\"entries\":[]}\n" {
		t.Errorf("nothing on record: %s", got)
	}
	r.ledger.past = []screenpop.TraceEntry{{Call: "c1", Step: screenpop.StepEvent, Verdict: "accepted"}}
	if got := r.adminCall("GET", "/v1/trace?tenant=firm.example.com&extension=101&call=c1", ""); !strings.Contains(got, `{"entries":[{`) || !strings.Contains(got, `"call":"c1"`) {
		t.Errorf("got %s", got)
	}
	if want := (TraceQuery{"firm.example.com", "101", "c1"}); r.ledger.ask != want {
		t.Errorf("asked for %v", r.ledger.ask)
	}
	if got := r.adminCall("GET", "/v1/trace?by=call", ""); !strings.Contains(got, `"entries":[{`) || !strings.Contains(got, `"why":"said accepted"`) {
		t.Errorf("by call: %s", got)
	}
}

func TestAdminFollowsTheTrace(t *testing.T) {
	r := newRig(t)
	r.ledger.past = []screenpop.TraceEntry{{Call: "old"}}
	r.ledger.next = make(chan screenpop.TraceEntry)
	server := httptest.NewServer(r.server.Admin())
	defer server.Close()
	res, err := server.Client().Get(server.URL + "/v1/trace?follow=1")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	call := func() (e screenpop.TraceEntry) {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("the stream ended: %v", lines.Err())
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		return e
	}
	if e := call(); e.Call != "old" {
		t.Errorf("first %v", e)
	}
	r.ledger.next <- screenpop.TraceEntry{Call: "new"}
	if e := call(); e.Call != "new" {
		t.Errorf("then %v", e)
	}
	close(r.ledger.next)
	if lines.Scan() {
		t.Errorf("after the end: %s", lines.Text())
	}
}

// unhurriedWriter notes the deadlines it is given.
type unhurriedWriter struct {
	*httptest.ResponseRecorder
	read, write []time.Time
}

func (u *unhurriedWriter) SetReadDeadline(t time.Time) error {
	u.read = append(u.read, t)
	return nil
}

func (u *unhurriedWriter) SetWriteDeadline(t time.Time) error {
	u.write = append(u.write, t)
	return nil
}

func TestFollowingOutlastsTheServersDeadlines(t *testing.T) {
	r := newRig(t)
	r.ledger.next = make(chan screenpop.TraceEntry)
	close(r.ledger.next)
	w := &unhurriedWriter{ResponseRecorder: httptest.NewRecorder()}
	r.server.Admin().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/v1/trace?follow=1", nil))
	if len(w.read) != 1 || !w.read[0].IsZero() || len(w.write) != 1 || !w.write[0].IsZero() {
		t.Errorf("deadlines: read %v, write %v", w.read, w.write)
	}
}
