package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/simulator"
)

// Who unpairs while a look-up is under way gets no pop from it, in no tab:
// what was asked with the agent's authorisation is not shown after its end.
func TestNoPopComesAfterUnpairing(t *testing.T) {
	s := startSystem(t, systemOptions{})
	me := s.firm().Agents[0]
	v := s.paired(me)
	one, two := v.open(), v.open()
	arrived, goOn := make(chan struct{}), make(chan struct{})
	s.smokeball().Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Times: 1, Rewrite: func(map[string]any) {
		close(arrived)
		<-goOn
	}})
	s.mustAccept(event{"event": "ringing", "call_id": "late", "from": s.known()[0].E164(), "to": me.Extension})
	<-arrived

	res, body := v.request(http.MethodDelete, "/api/pair", "")
	if res.StatusCode != http.StatusOK || !strings.Contains(body, `"revoked":true`) {
		t.Fatalf("unpair: %s %s", res.Status, body)
	}
	for _, sc := range []*screen{one, two} {
		if f := sc.next("pairing"); dig(f, "pairing", "state") != "unpaired" {
			t.Errorf("the screen is told %v", f)
		}
	}
	close(goOn)

	// A call that begins now is not looked up either.
	asked := s.smokeball().Count(simulator.ContactsEndpoint)
	s.mustAccept(event{"event": "ringing", "call_id": "unpaired", "from": s.known()[1].E164(), "to": me.Extension})
	s.awaitMetric(`smokepop_lookup_total{outcome="not-paired"} 2`) // both calls
	if n := s.smokeball().Count(simulator.ContactsEndpoint); n != asked {
		t.Errorf("%d searches after unpairing", n-asked)
	}

	v.pair(s.smokeball(), me.Email)
	for _, sc := range []*screen{one, two} {
		for dig(sc.next("pairing"), "pairing", "email_matches") == nil {
		}
	}
	s.nothingSince(one, me.Extension, s.known()[2], "fence")
	if pop := two.next("pop"); dig(pop, "pop", "call", "id") != "fence" {
		t.Errorf("the other screen shows %v", pop)
	}
}
