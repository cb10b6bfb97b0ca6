package web

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// examiner answers as it is told and remembers what it was asked.
type examiner struct {
	err    error
	asked  screenpop.AgentID
	number string
	id     string
}

func (e *examiner) Firm(_ context.Context, a screenpop.AgentID) (string, error) {
	e.asked = a
	return "Harlow & Pryce LLP", e.err
}

func (e *examiner) Access(_ context.Context, a screenpop.AgentID) (AccessReport, error) {
	e.asked = a
	return AccessReport{Firm: "Harlow", Doors: []Door{{Scope: "contacts/read", Status: 403}}}, e.err
}

func (e *examiner) Webhooks() (time.Time, []WebhookReport) {
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	return at, []WebhookReport{{Tenant: "a.example", Last: &at}, {Tenant: "b.example", Refused: &RefusedWebhook{at, 401, "Send", "10.0.0.9"}}}
}

func (e *examiner) Search(_ context.Context, a screenpop.AgentID, number, contact string) (SearchReport, error) {
	e.asked, e.number, e.id = a, number, contact
	return SearchReport{
		Number: "**********47", Field: "cell", Plan: []string{"tail:4", "exact"},
		Trials: []SearchTrial{{Search: "contains the last 4 digits", Accepted: true, Hits: 3, Verified: 1, Found: true, Milliseconds: 120}},
	}, e.err
}

type unwell struct{ error }

func (unwell) DoctorProblem() (int, string) { return 409, "Extension 101 is not paired." }

func TestAdminAsksTheDoctor(t *testing.T) {
	r := newRig(t)
	e := &examiner{}
	r.server.doctor = e
	if got := r.adminCall("POST", "/v1/doctor/firm", thePriya); got != `{"firm":"Harlow \u0026 Pryce LLP"}`+"\n" || e.asked != priya.AgentID {
		t.Errorf("%s of %v", got, e.asked)
	}
	e.asked = screenpop.AgentID{}
	access := `{"firm":"Harlow","scopes":null,"doors":[{"scope":"contacts/read","open":false,"status":403}]}` + "\n"
	if got := r.adminCall("POST", "/v1/doctor/access", thePriya); got != access || e.asked != priya.AgentID {
		t.Errorf("%s of %v", got, e.asked)
	}
	heard := `{"since":"2026-11-23T09:00:00Z","tenants":[{"tenant":"b.example","last":null,"refused":{"at":"2026-11-23T09:00:00Z","status":401,"detail":"Send","from":"10.0.0.9"}}]}` + "\n"
	if got := r.adminCall("GET", "/v1/doctor/webhooks?tenant=b.example", ""); got != heard {
		t.Errorf("%s", got)
	}
	want := `{"number":"**********47","field":"cell","trials":[{"search":"contains the last 4 digits","accepted":true,"hits":3,"verified":1,"found":true,"milliseconds":120}],"plan":["tail:4","exact"]}` + "\n"
	body := `{"tenant":"Firm.example.com.","extension":"101","number":"617 399 8147","contact":"c"}`
	if got := r.adminCall("POST", "/v1/doctor/search", body); got != want || e.asked != priya.AgentID || e.number != "617 399 8147" || e.id != "c" {
		t.Errorf("%s of %+v", got, e)
	}
	if strings.Contains(r.log.String(), "8147") {
		t.Error("the log shows the number")
	}
}

func TestTheDoctorRefuses(t *testing.T) {
	r := newRig(t)
	e := &examiner{}
	r.server.doctor = e
	for body, status := range map[string]int{
		`{"tenant":"firm.example.com","extension":"999","number":"617"}`: 404,
		`{"extension":"101","number":"617"}`:                             400,
		`{"tenant":"firm.example.com","extension":"101"}`:                400,
		`[]`: 400,
	} {
		wants(t, r.admin("POST", "/v1/doctor/search", body), status)
	}
	if e.asked != (screenpop.AgentID{}) {
		t.Errorf("asked for %v", e.asked)
	}
	e.err = unwell{errors.New("cause")}
	if got := wants(t, r.admin("POST", "/v1/doctor/firm", thePriya), 409); !strings.Contains(got, "Extension 101 is not paired.") || strings.Contains(got, "cause") {
		t.Error(got)
	}
	e.err = errors.New("cause")
	if got := wants(t, r.admin("POST", "/v1/doctor/search", `{"tenant":"firm.example.com","extension":"101","number":"617"}`), 500); strings.Contains(got, "cause") {
		t.Error(got)
	}
}
