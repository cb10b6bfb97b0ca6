package main

import (
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/simulator"
)

// A ring group and a call back, from the simulated PBX through both sources to
// two agents' pages in a browser.
func TestPagesOfARingGroup(t *testing.T) {
	b := newBrowser(t)
	s := startSystem(t, systemOptions{world: withAPI("both")})
	s.cli("vodia", "subscribe", "--rate", "1000", "--yes").wants(t, exitOK)
	s.listening(1)
	priya, daniel := s.firm().Agents[0], s.firm().Agents[1]
	hers, his := b.profile(), b.profile()
	for tb, a := range map[*tab]simulator.Agent{hers: priya, his: daniel} {
		s.join(tb, a.Extension)
		s.pair(tb, a.Email)
	}

	caller := s.known()[0]
	group := s.firm().RingGroup(simulator.Setup{ID: "group", Caller: caller, Agent: priya.Extension})
	ringing := 0
	for group.Steps[ringing].Event == simulator.NewCall {
		ringing++
	}
	s.happens(group.Steps[:ringing]...)
	for _, tb := range []*tab{hers, his} {
		tb.sees(`#pops > [data-state="ringing"]`)
		if name := tb.text("#pops .pop-name"); name != caller.Names[0] {
			t.Errorf("the page shows %q", name)
		}
	}
	his.screenshot("ring-group")
	s.happens(group.Steps[ringing]) // Priya answers
	hers.sees(`#pops > [data-state="connected"]`)
	his.holds(`!document.querySelector("#pops > [data-state=ringing], #pops > [data-state=connected]")`)
	his.holds(`document.querySelectorAll("#recent > li").length === 1`)
	if row := his.text("#recent > li"); !strings.Contains(row, priya.Name) {
		t.Errorf("his recent call says %q", row)
	}
	his.screenshot("ring-group-answered")
	s.happens(group.Steps[ringing+1:]...)
	hers.holds(`!document.querySelector("#pops > [data-state=ringing], #pops > [data-state=connected]")`)

	// He calls back, with a click on the number.
	his.click("#recent > li button.number")
	asked := <-s.vodia().Dials()
	if asked.Extension != daniel.Extension || asked.Number != caller.E164() {
		t.Errorf("the PBX was asked to dial %+v", asked)
	}
	back := s.firm().ClickToDial("back", asked)
	s.happens(back.Steps[:4]...)
	his.sees(`#pops > [data-state="ringing"][data-direction="outbound"]`)
	his.screenshot("call-back")
	s.happens(back.Steps[4:]...)
	his.holds(`document.querySelectorAll("#recent > li").length === 2`)
}
