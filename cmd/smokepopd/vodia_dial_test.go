package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// From a click to the pop of the call: the PBX dials for the agent a number the
// agent was shown, no other, and not at any rate.
func TestClickToDial(t *testing.T) {
	s := startSystem(t, systemOptions{world: withAPI("both")})
	s.listening(1)
	me, caller := s.firm().Agents[0], s.known()[0]
	v := s.paired(me)
	sc := v.open()
	s.mustAccept(event{"event": "ringing", "call_id": "in", "from": caller.E164(), "to": me.Extension})
	pop := sc.next("pop")
	s.mustAccept(event{"event": "terminated", "call_id": "in"})
	sc.next("end")

	dial := func(pop any, number string) (int, string) {
		res, body := v.request(http.MethodPost, "/api/dial", fmt.Sprintf(`{"pop":%q,"number":%q}`, pop, number))
		return res.StatusCode, body
	}
	if status, body := dial("", s.known()[1].E164()); status != http.StatusForbidden || !strings.Contains(body, "your own calls") {
		t.Errorf("a number that was never shown: %d %s", status, body)
	}
	if n := len(s.vodia().Dials()); n > 0 {
		t.Fatalf("the PBX was asked to dial %d times", n)
	}
	if status, body := dial(dig(pop, "pop", "id"), caller.E164()); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, body)
	}
	asked := <-s.vodia().Dials()
	if asked.Extension != me.Extension || asked.Number != caller.E164() {
		t.Errorf("the PBX was asked to dial %+v", asked)
	}
	call := s.firm().ClickToDial("dialled", asked)
	s.happens(call.Steps[:4]...)
	if pop := sc.next("pop"); dig(pop, "pop", "call", "id") != "dialled" || dig(pop, "pop", "call", "direction") != "outbound" {
		t.Errorf("the pop is %v", pop)
	}
	s.happens(call.Steps[4:]...)
	sc.until("end", map[string]int{})

	limited := false
	for range 4 {
		status, _ := dial(dig(pop, "pop", "id"), caller.E164())
		limited = limited || status == http.StatusTooManyRequests
	}
	if !limited {
		t.Error("an agent may dial at any rate")
	}
	s.awaitMetric(`smokepop_dials_total{outcome="refused"} 1`)

	plain := startSystem(t, systemOptions{})
	if _, body := plain.signIn("101").request(http.MethodGet, "/api/me", ""); !strings.Contains(body, `"tel"`) {
		t.Errorf("without the PBX's API the page is to make tel: links: %s", body)
	}
}
