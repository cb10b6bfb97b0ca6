package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/simulator"
)

// join signs a tab in as an extension.
func (s *system) join(tb *tab, extension string) {
	s.t.Helper()
	tb.open(s.invite(extension))
	tb.sees(`body[data-state="signed-in"]`)
	tb.sees(`#connection[data-state="connected"]`)
}

// pair pairs the agent of a tab through the pop-up window, as the Smokeball
// user with this e-mail.
func (s *system) pair(tb *tab, email string) {
	s.t.Helper()
	tb.click("#pair")
	window := tb.window("/oauth2/authorize")
	window.press(fmt.Sprintf("button[data-email=%q]", email))
	tb.sees(`#pairing[data-state="paired"]`)
}

// fence makes sure that everything sent before has come to whatever it comes
// to: it lets a known call ring, and waits until the tab shows it.
func (s *system) fence(tb *tab, extension string, c simulator.Caller, id string) {
	s.t.Helper()
	s.mustAccept(event{"event": "ringing", "call_id": id, "from": c.E164(), "to": extension})
	tb.holds(fmt.Sprintf(`document.querySelectorAll("#pops > [data-state=ringing]").length === 1 && document.querySelector("#pops > [data-state=ringing] .pop-name").textContent === %q`, c.Names[0]))
	s.mustAccept(event{"event": "terminated", "call_id": id, "extension": extension})
	tb.holds(`document.querySelectorAll("#pops > [data-state=ringing], #pops > [data-state=connected]").length === 0`)
}

// known returns callers of the firm that exactly one record has the number of.
func (s *system) known() []simulator.Caller {
	var list []simulator.Caller
	for _, c := range s.firm().Callers {
		if len(c.Names) == 1 {
			list = append(list, c)
		}
	}
	return list
}

func (s *system) stranger() simulator.Caller {
	for _, c := range s.firm().Callers {
		if len(c.Names) == 0 {
			return c
		}
	}
	s.t.Fatal("the firm knows everybody")
	return simulator.Caller{}
}

// The main job, whole, as an agent sees it.
func TestFromInviteToUnpair(t *testing.T) {
	b := newBrowser(t)
	s := startSystem(t, systemOptions{})
	me, other := s.firm().Agents[0], s.firm().Agents[1]
	callers := s.known()

	tb := b.profile()
	s.join(tb, me.Extension)
	tb.sees(`#pairing[data-state="unpaired"] #pairing-sign[data-sign="cross"]`)
	if hash := tb.eval("location.hash"); hash != "" {
		t.Errorf("the invite stays in the address: %v", hash)
	}

	tb.eval("window.neverReloaded = true")
	s.pair(tb, me.Email)
	tb.sees(`#pairing-sign[data-sign="tick"]`)
	if tb.eval("window.neverReloaded") != "true" {
		t.Error("the page was reloaded")
	}
	tb.screenshot("paired")

	second := tb.another()
	second.open(s.world.public + "/")
	second.sees(`#pairing[data-state="paired"] #pairing-sign[data-sign="tick"]`)
	stranger := b.profile()
	s.join(stranger, other.Extension)
	stranger.sees(`#pairing[data-state="unpaired"]`)

	t.Run("an inbound call shows who it is, in every tab of the agent", func(t *testing.T) {
		s.mustAccept(event{"event": "ringing", "call_id": "in", "from": callers[0].E164(), "to": me.Extension, "queue": "Intake"})
		for _, each := range []*tab{tb, second} {
			each.sees(`#pops > [data-state="ringing"][data-direction="inbound"]`)
			if name := each.text("#pops .pop-name"); name != callers[0].Names[0] {
				t.Errorf("the name is %q, want %q", name, callers[0].Names[0])
			}
			link := each.attribute("#pops a.pop-open", "href")
			if !strings.Contains(link, "/#/billing/view-contact/") || !strings.HasSuffix(link, "/details") {
				t.Errorf("the link is %q", link)
			}
			if rel := each.attribute("#pops a.pop-open", "rel"); !strings.Contains(rel, "noopener") {
				t.Errorf("the link's rel is %q", rel)
			}
		}
		tb.screenshot("pop")
		if n := s.smokeball().Count(simulator.MattersEndpoint); n != 0 {
			t.Errorf("%d requests for matters while the phone rings", n)
		}
		s.mustAccept(event{"event": "connected", "call_id": "in", "extension": me.Extension, "from": callers[0].E164()})
		tb.sees(`#pops > [data-state="connected"]`)
		second.sees(`#pops > [data-state="connected"]`)
		for _, each := range []*tab{tb, second} {
			each.holds(`document.querySelectorAll("#pops .pop-matters li a[href]").length === 2`)
		}
		tb.screenshot("matters")
		s.mustAccept(event{"event": "terminated", "call_id": "in"})
		tb.holds(`!document.querySelector("#pops > [data-state=ringing], #pops > [data-state=connected]")`)
		tb.sees(`#recent > li`)
	})

	t.Run("an outbound call shows whom the agent is calling", func(t *testing.T) {
		s.mustAccept(event{"event": "ringing", "call_id": "out", "from": me.Extension, "to": callers[1].E164()})
		tb.sees(`#pops > [data-state="ringing"][data-direction="outbound"]`)
		if name := tb.text(`#pops > [data-direction="outbound"] .pop-name`); name != callers[1].Names[0] {
			t.Errorf("the name is %q, want %q", name, callers[1].Names[0])
		}
		s.mustAccept(event{"event": "terminated", "call_id": "out"})
		tb.holds(`document.querySelectorAll("#recent > li").length === 2`)
	})

	t.Run("opening the card of a call that rings brings its matters", func(t *testing.T) {
		s.mustAccept(event{"event": "ringing", "call_id": "opened", "from": callers[0].E164(), "to": me.Extension})
		tb.sees(`#pops > [data-state="ringing"]`)
		tb.click(`#pops > [data-state="ringing"] .pop-name`)
		second.holds(`document.querySelectorAll('#pops > [data-state="ringing"] .pop-matters li').length === 2`)
		s.mustAccept(event{"event": "terminated", "call_id": "opened"})
		tb.holds(`document.querySelectorAll("#recent > li").length === 3`)
	})

	t.Run("a stranger's call is told quietly, once it is over", func(t *testing.T) {
		s.mustAccept(event{"event": "ringing", "call_id": "quiet", "from": s.stranger().E164(), "to": me.Extension})
		s.awaitMetric(`smokepop_calls_total{outcome="no-match"} 1`)
		s.mustAccept(event{"event": "terminated", "call_id": "quiet"})
		tb.sees(`#recent > li[data-lookup="no-match"][data-outcome="missed"]`)
		tb.screenshot("recent")
	})

	t.Run("star codes, colleagues and strangers show nothing", func(t *testing.T) {
		before, _ := strconv.Atoi(tb.count("#recent > li"))
		s.mustSkip("star-code", event{"event": "ringing", "call_id": "star", "from": me.Extension, "to": "*97"})
		s.mustSkip("internal-call", event{"event": "ringing", "call_id": "internal", "from": other.Extension, "to": me.Extension})
		s.mustAccept(event{"event": "ringing", "call_id": "stranger", "from": s.stranger().E164(), "to": me.Extension})
		s.awaitMetric(`smokepop_lookup_total{outcome="no-match"} 2`)
		s.fence(tb, me.Extension, callers[0], "fence")
		if after := tb.count("#recent > li"); after != strconv.Itoa(before+1) {
			t.Errorf("%s calls in the list of recent ones, want one more than %d", after, before)
		}
	})

	t.Run("another agent's browser sees nothing of all this", func(t *testing.T) {
		if seen := stranger.count("#pops > *, #recent > *"); seen != "0" {
			t.Errorf("%s calls on the other agent's page", seen)
		}
	})

	t.Run("unpair", func(t *testing.T) {
		tb.click("#unpair")
		tb.click("#confirm-yes")
		for _, each := range []*tab{tb, second} {
			each.sees(`#pairing[data-state="unpaired"] #pairing-sign[data-sign="cross"]`)
		}
		ctx, cancel := context.WithTimeout(t.Context(), waitAtMost)
		defer cancel()
		if err := s.smokeball().Await(ctx, simulator.RevokeEndpoint, 1); err != nil {
			t.Fatalf("Smokeball has seen no revocation: %v", err)
		}
		if n := s.smokeball().RevokedCount(); n != 1 {
			t.Errorf("%d tokens revoked at Smokeball, want 1", n)
		}
	})

	t.Run("sign out", func(t *testing.T) {
		tb.click("#sign-out")
		tb.click("#confirm-yes")
		tb.sees("#signed-out")
		second.sees("#signed-out")
	})
}

// A page stays right while the daemon under it is restarted.
func TestPageSurvivesARestart(t *testing.T) {
	b := newBrowser(t)
	s := startSystem(t, systemOptions{})
	me := s.firm().Agents[0]
	tb := b.profile()
	s.join(tb, me.Extension)
	s.pair(tb, me.Email)

	s.stop()
	tb.sees(`#connection[data-state="reconnecting"]`)
	s.start(nil, nil)
	tb.sees(`#connection[data-state="connected"]`)
	tb.sees(`#pairing[data-state="paired"]`)
	s.fence(tb, me.Extension, s.known()[0], "after")
}

// What the daemon refuses in the pairing window is one plain sentence.
func TestPairingWindowSaysWhatIsWrong(t *testing.T) {
	b := newBrowser(t)
	s := startSystem(t, systemOptions{})
	me := s.firm().Agents[0]
	tb := b.profile()
	s.join(tb, me.Extension)

	tb.click("#pair")
	window := tb.window("/oauth2/authorize")
	window.press("button.deny")
	tb.window("/pair/callback").sees(`body[data-outcome="failed"] #outcome-text`)
	tb.sees(`#pairing[data-state="unpaired"]`)

	old := tb.another()
	old.open(s.world.public + "/pair/callback?code=made-up&state=made-up")
	old.sees(`body[data-outcome="failed"] #outcome-text`)
}

// awaitMetric waits until the metrics page has a line.
func (s *system) awaitMetric(line string) {
	s.t.Helper()
	deadline := time.After(waitAtMost)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		page := s.metrics()
		if strings.Contains(page, line+"\n") {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("the metrics never had %s", line)
		}
	}
}
