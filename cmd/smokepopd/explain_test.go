package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/simulator"
)

// An admin sees the calls there are, with the number masked and nobody's name.
func TestCallsAreListed(t *testing.T) {
	s := startSystem(t, systemOptions{})
	me, other, caller := s.firm().Agents[0], s.firm().Agents[1], s.known()[0]
	s.cli("calls").wants(t, exitOK)
	if out := s.cli("calls").stdout; out != "no agent has a call\n" {
		t.Errorf("without a call: %q", out)
	}
	v := s.paired(me)
	screens := []*screen{v.open(), v.open()}
	s.mustAccept(event{"event": "ringing", "call_id": "c1", "from": caller.E164(), "to": me.Extension, "extension": me.Extension + "," + other.Extension})
	for _, sc := range screens {
		sc.next("pop")
	}
	list := s.cli("calls").stdout
	for _, want := range []string{"on 2 screens", "none", "c1", "inbound", "ringing", "*********" + caller.E164()[len(caller.E164())-2:]} {
		if !strings.Contains(list, want) {
			t.Errorf("the list does not say %q:\n%s", want, list)
		}
	}
	if strings.Contains(list, caller.E164()) {
		t.Errorf("the list shows the number:\n%s", list)
	}
	var doc callList
	if err := json.Unmarshal([]byte(s.cli("calls", "--json").stdout), &doc); err != nil || len(doc.Calls) != 1 || len(doc.Calls[0].Agents) != 2 {
		t.Fatalf("%+v %v", doc, err)
	}
	if a := doc.Calls[0].Agents; !a[0].Pop || a[0].Screens != 2 || a[1].Pop || a[1].Screens != 0 {
		t.Errorf("%+v", a)
	}
	s.mustAccept(event{"event": "connected", "call_id": "c1", "extension": other.Extension}, event{"event": "terminated", "call_id": "c1"})
	if out := s.cli("calls").stdout; out != "no agent has a call\n" {
		t.Errorf("after the call: %q", out)
	}
}

// A webhook is tried: the verdict, the agents and the number, and nothing comes of it.
func TestAWebhookIsTried(t *testing.T) {
	s := startSystem(t, systemOptions{})
	me, caller := s.firm().Agents[0], s.known()[0]
	sc := s.paired(me).open()
	s.awaitMetric("smokepop_screens 1") // the one that was open to pair has gone
	file := filepath.Join(t.TempDir(), "event.json")
	body := fmt.Sprintf(`{"event":"ringing","call_id":"c1","from":"%s","to":"%s"}`, caller.Domestic(), me.Extension)
	if err := os.WriteFile(file, []byte(body+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := s.smokeball().Requests(simulator.ContactsEndpoint)
	try := func(args ...string) string {
		r := s.cli(append([]string{"vodia", "try"}, args...)...)
		r.wants(t, exitOK)
		return r.stdout
	}
	out := try(file, "--content-type", "application/json")
	for _, want := range []string{"accepted (the PBX would be answered 202)", "ringing", "inbound", caller.E164(), "extension " + me.Extension + ": a pop when it rings, on 1 screen", "call_id"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	other := s.cliWith(fmt.Sprintf("call_id=c2&from=%s&to=*97", me.Extension), "vodia", "try", "-", "--event", "ringing")
	if other.wants(t, exitOK); !strings.Contains(other.stdout, "star-code (the PBX would be answered 200): a party is a feature code") {
		t.Error(other.stdout)
	}
	var doc trial
	if err := json.Unmarshal([]byte(try(file, "--json")), &doc); err != nil || doc.Verdict != "accepted" || doc.Number != caller.E164() || len(doc.Agents) != 1 {
		t.Errorf("%+v %v", doc, err)
	}
	s.cli("vodia", "try", file, "--tenant", "elsewhere.example").wants(t, exitFailed, `there is no tenant "elsewhere.example"`)
	s.cli("vodia", "try", filepath.Join(t.TempDir(), "none")).wants(t, exitUsage, "no such file")

	if after := s.smokeball().Requests(simulator.ContactsEndpoint); len(after) != len(before) {
		t.Errorf("Smokeball was asked %d times", len(after)-len(before))
	}
	if out := s.cli("trace").stdout; out != "" {
		t.Errorf("the trace has\n%s", out)
	}
	if m := s.metrics(); !strings.Contains(m, `smokepop_events_total{result="accepted"} 0`) {
		t.Error("events were counted")
	}
	s.nothingSince(sc, me.Extension, caller, "c1") // which had not begun
}

// The numbers of a firm are looked through: reasons and counts, and links when
// they are asked for; no number and no name.
func TestNumbersAreLookedThrough(t *testing.T) {
	firm := simulator.NewFirm()
	firm.Contacts = append(firm.Contacts, simulator.Contact{
		ID:     "dddddddd-0000-4000-8000-00000000000d",
		Person: &simulator.Person{FirstName: "Hildegard", LastName: "Quillfeather", Phone: simulator.Phone{Number: "1-800-GETLAWYER"}, Cell: simulator.Phone{Number: "ext 204"}},
	})
	s := startSystem(t, systemOptions{firms: []*simulator.Firm{firm}})
	s.cli("numbers").wants(t, exitFailed, "an agent has to pair first")
	s.paired(s.firm().Agents[0])
	r := s.cli("numbers")
	r.wants(t, exitOK)
	for _, want := range []string{"letters: words or letters stand where digits are needed", "only-extension", "never will be as they are written"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("it does not say %q:\n%s", want, r.stdout)
		}
	}
	const link = "view-contact/dddddddd-0000-4000-8000-00000000000d/details"
	if strings.Contains(r.stdout, link) {
		t.Error("links were not asked for")
	}
	linked := s.cli("numbers", "--links").stdout
	if !strings.Contains(linked, link) {
		t.Errorf("no link:\n%s", linked)
	}
	for _, out := range []string{linked, r.stderr} {
		for _, secret := range []string{"Quillfeather", "GETLAWYER", "204"} {
			if strings.Contains(out, secret) {
				t.Errorf("it shows %q:\n%s", secret, out)
			}
		}
	}
	var doc numbersReport
	if err := json.Unmarshal([]byte(s.cli("numbers", "--json").stdout), &doc); err != nil || doc.Numbers != doc.Good+doc.Bad || doc.Bad < 2 || !doc.Complete {
		t.Errorf("%+v %v", doc, err)
	}
}
