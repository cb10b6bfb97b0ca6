package web_test

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/web"
)

// dialler is an office's PBX.
type dialler struct {
	phone sync.Mutex
	way   web.DialWay
	calls []string
	fault error
}

func (o *office) Way(screenpop.Tenant) web.DialWay {
	o.phone.Lock()
	defer o.phone.Unlock()
	return cmp.Or(o.way, web.DialOff)
}

func (o *office) Shown(a screenpop.AgentID, popID, number string) bool {
	return o.hub.Shown(a, popID, number)
}

func (o *office) Dial(_ context.Context, a screenpop.AgentID, number string) error {
	o.phone.Lock()
	defer o.phone.Unlock()
	o.calls = append(o.calls, string(a.Extension)+" "+number)
	return o.fault
}

func (o *office) dialled() []string {
	o.phone.Lock()
	defer o.phone.Unlock()
	return slices.Clone(o.calls)
}

func (o *office) dialBy(way web.DialWay, fault error) {
	o.phone.Lock()
	defer o.phone.Unlock()
	o.way, o.fault = way, fault
}

type noLine struct{}

func (noLine) Error() string              { return "the PBX is gone" }
func (noLine) DialProblem() (int, string) { return 502, "The PBX cannot be reached." }

// dialling returns an office with calls to call back, and a tab that shows them.
func dialling(t *testing.T, way web.DialWay) (*office, *tab) {
	t.Helper()
	o, b := joined(t)
	o.dialBy(way, nil)
	o.hub.Pop(agent.AgentID, ring("known", "John Smith"), time.Now())
	o.hub.End(agent.AgentID, "known", screenpop.EndTerminated, "")
	stranger := func(id, number, display string) screenpop.Pop {
		p := ring(id, "")
		p.Contacts, p.Call.Number = nil, screenpop.Number{Canonical: number, Display: display}
		return p
	}
	for id, n := range map[string][2]string{"quiet": {"131114", "13 11 14"}, "star": {"*97", "*97"}, "withheld": {"", ""}} {
		o.hub.Past(agent.AgentID, screenpop.EndedPop{Pop: stranger(id, n[0], n[1]), Ended: time.Now(), Reason: screenpop.EndTerminated, Outcome: screenpop.OutcomeNoMatch})
	}
	o.hub.Pop(agent.AgentID, ring("live", "Mary Jones"), time.Now())
	o.hub.Pop(agent.AgentID, stranger("stranger", "+442079460958", "020 7946 0958"), time.Now())
	b.do(chromedp.Reload())
	b.state("#connection", "connected")
	b.count("#pops > li", 2)
	b.count("#recent > li", 4)
	return o, b
}

const (
	known    = `#recent [data-pop-id="known"] .recent-number `
	quiet    = `#recent [data-pop-id="quiet"] .recent-name `
	live     = `#pops [data-pop-id="live"] .pop-number `
	stranger = `#pops [data-pop-id="stranger"] .pop-name `
)

func TestBrowserNumbersAreButtons(t *testing.T) {
	o, b := dialling(t, web.DialByPBX)
	for selector, name := range map[string]string{
		known: "Call (617) 399-8147", live: "Call (617) 399-8147", quiet: "Call 13 11 14", stranger: "Call 020 7946 0958",
	} {
		if got := b.js(`document.querySelector('` + selector + `button.number').getAttribute('aria-label')`); got != name {
			t.Errorf("%s is called %q, want %q", selector, got, name)
		}
	}
	for _, id := range []string{"star", "withheld"} {
		b.count(`[data-pop-id="`+id+`"] .number`, 0)
	}

	// Two quick clicks are one call.
	b.do(chromedp.DoubleClick(chromedp.CSS(known + ".number")))
	b.state("#dialling", "ringing")
	if got := b.js(`document.getElementById('dialling-text').innerText`); got != "Your phone is ringing…" {
		t.Errorf("says %q", got)
	}
	if got, want := o.dialled(), []string{"101 +16173998147"}; !slices.Equal(got, want) {
		t.Errorf("dialled %q, want %q", got, want)
	}
	// The call that comes of it settles the matter.
	out := ring("out", "John Smith")
	out.Call.Direction = screenpop.Outbound
	o.hub.Pop(agent.AgentID, out, time.Now())
	b.state("#dialling", "")
}

func TestBrowserDialsByKeyboard(t *testing.T) {
	o, b := dialling(t, web.DialByPBX)
	b.js(`document.querySelector('` + live + `.number').focus()`)
	// News of the call does not take the focus away.
	connected := ring("live", "Mary Jones")
	connected.Call.State = screenpop.Connected
	o.hub.Update(agent.AgentID, connected)
	b.state(`[data-pop-id="live"]`, "connected")
	if got := b.js(`document.activeElement === document.querySelector('` + live + `.number')`); got != "true" {
		t.Fatal("the focus has gone")
	}
	b.do(chromedp.KeyEvent("\r"))
	b.state("#dialling", "ringing")
	if got, want := o.dialled(), []string{"101 +16173998147"}; !slices.Equal(got, want) {
		t.Errorf("dialled %q, want %q", got, want)
	}
}

func TestBrowserSaysWhyNothingWasDialled(t *testing.T) {
	o, b := dialling(t, web.DialByPBX)
	o.dialBy(web.DialByPBX, noLine{})
	b.click(stranger + ".number")
	b.state("#dialling", "failed")
	if got := b.js(`document.getElementById('dialling-text').innerText`); got != "The PBX cannot be reached." {
		t.Errorf("says %q", got)
	}
	if got, want := o.dialled(), []string{"101 +442079460958"}; !slices.Equal(got, want) {
		t.Errorf("dialled %q, want %q", got, want)
	}
	b.click("#dialling-close")
	b.state("#dialling", "")
}

func TestBrowserNumbersAreLinksOrText(t *testing.T) {
	o, b := dialling(t, web.DialByTel)
	if got := b.js(`document.querySelector('` + known + `a.number').href`); got != "tel:+16173998147" {
		t.Errorf("the link is %q", got)
	}
	b.count("button.number", 0)
	b.count(`:is([data-pop-id="star"], [data-pop-id="withheld"]) .number`, 0)

	o.dialBy(web.DialOff, nil)
	b.do(chromedp.Reload())
	b.count("#recent > li", 4)
	b.count(".number", 0)
	for selector, want := range map[string]string{known: "(617) 399-8147", stranger: "020 7946 0958"} {
		if got := b.js(`document.querySelector('` + selector + `').innerText`); got != want {
			t.Errorf("%s says %q, want %q", selector, got, want)
		}
	}
}
