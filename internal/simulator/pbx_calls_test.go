package simulator_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/smokepop/smokepop/internal/simulator"
)

func TestRemoteDialIsTakenFromTheExtension(t *testing.T) {
	r := newRest(t, nil)
	path := "/rest/user/101@firm.example/calls"
	for _, row := range []struct {
		as, body string
		status   int
	}{
		{asAdmin, `{"remote-dial":"6175550142","name":"Maria"}`, 403},
		{as101, `{"name":"Maria"}`, 400},
		{as101, `{"remote-dial":"javascript:1"}`, 400},
		{as101, `{"remote-dial":`, 400},
		{as101, `{"remote-dial":"6175550142","name":"Maria"}`, 200},
	} {
		if a := r.ask("POST", path, row.as, row.body); a.status != row.status {
			t.Errorf("%s as %s: %+v", row.body, row.as, a)
		}
	}
	if d := <-r.Dials(); d != (Dial{"101", "6175550142", "Maria"}) {
		t.Errorf("%+v", d)
	}
	for range cap(r.Dials()) {
		r.ask("POST", path, as101, `{"remote-dial":"6175550142"}`)
	}
	if a := r.ask("POST", path, as101, `{"remote-dial":"6175550142"}`); a.status != 503 {
		t.Errorf("no end of dialling: %+v", a)
	}
	for range cap(r.Dials()) {
		<-r.Dials()
	}
	r.Send(t.Context(), Step{Event: NewCall, CallID: "c1", Extension: "101", From: "1", To: "2"})
	if a := r.ask("GET", path, as101, ""); !strings.Contains(a.body, `"id":"c1"`) || !strings.Contains(a.body, `"state":"alerting"`) {
		t.Errorf("%+v", a)
	}
	if a := r.ask("GET", "/rest/user/102@firm.example/calls", "102@firm.example:simulated-extension-102", ""); a.body != "[]" {
		t.Errorf("%+v", a)
	}
}

func TestRunDialsMakesTheCalls(t *testing.T) {
	f := NewFirm()
	sc := f.ClickToDial("d", Dial{"101", "6175550142", "Maria"})
	if sc.Legend() != "outbound 101 -> 6175550142, dialled for: Maria Castellanos" || sc.Steps[0].To != sc.Steps[0].From || sc.Steps[3].To != "6175550142" {
		t.Errorf("%s %+v", sc.Legend(), sc.Steps)
	}
	synctest.Test(t, func(t *testing.T) {
		p := NewPBX(PBXOptions{Firm: f})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.RunDials(ctx) }()
		p.DialForTest(Dial{"101", "6175550142", "Maria"})
		p.DialForTest(Dial{"102", "6175550142", "Maria"})
		<-time.After(2 * time.Second)
		synctest.Wait()
		got := p.LiveForTest()
		if slices.Sort(got); !slices.Equal(got, []string{"*101 alerting", "*102 alerting", "101 connected", "102 connected"}) {
			t.Errorf("%v", got)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		if got := p.LiveForTest(); len(got) != 0 {
			t.Errorf("%v", got)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
