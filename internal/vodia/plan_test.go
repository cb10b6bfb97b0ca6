package vodia

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/simulator"
)

const (
	foreignCDR   = `{"auth":"basic","method":"POST","url":"https://cdr.other.example/in?key=k","user":"cdr","pass":"their-password","body":"x"}`
	foreignOther = `{"auth":"none","method":"GET","url":"https://other.example/dnd"}`
)

// want is what the tests want on a PBX: the tenant and two agents.
func want(change func(*Wanted)) Wanted {
	agents := simulator.NewFirm().Agents
	w := Wanted{
		Template: exampleTemplate(JSON),
		Levels:   []Level{Tenant, Level(agents[0].Extension), Level(agents[1].Extension)},
		Without:  []Level{Level(agents[2].Extension)},
	}
	w.Template.Domain = simulator.NewFirm().Domain
	if change != nil {
		change(&w)
	}
	return w
}

// carry plans and applies.
func carry(t *testing.T, c *Client, w Wanted) Plan {
	t.Helper()
	p, err := c.Plan(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Apply(t.Context(), p, nil); err != nil {
		t.Fatal(err)
	}
	return p
}

// state is every webhook of the PBX.
func state(p *simulator.PBX) map[string]map[string]string {
	out := map[string]map[string]string{"": p.Hooks("")}
	for _, a := range simulator.NewFirm().Agents {
		out[a.Extension] = p.Hooks(a.Extension)
	}
	return out
}

func TestInstalledOnceAndTakenOffAgain(t *testing.T) {
	p, c := simulated(t, simulator.PBXOptions{})
	p.SetHook("", "acturl_dnd", foreignOther)
	p.SetHook("101", "acturl_mailbox", foreignOther)
	empty := state(p)
	w := want(nil)
	if first := carry(t, c, w); len(first.Changes) != 9 || first.Same != 0 {
		t.Fatalf("the first run changes %d and finds %d", len(first.Changes), first.Same)
	}
	for _, level := range w.Levels {
		for name, h := range w.Template.Hooks(level) {
			there, err := c.Hooks(t.Context(), level)
			if err != nil || !there[name].Same(h) {
				t.Errorf("%s %s: %+v, %v", level, name, there[name], err)
			}
		}
	}
	if got := p.Hooks("")["acturl_dnd"]; got != empty[""]["acturl_dnd"] {
		t.Errorf("the webhook of others is now %s", got)
	}
	if second := carry(t, c, w); len(second.Changes) != 0 || second.Same != 9 {
		t.Errorf("the second run changes %d and finds %d", len(second.Changes), second.Same)
	}
	if again := carry(t, c, want(func(w *Wanted) { w.Rewrite = true })); len(again.Changes) != 9 {
		t.Errorf("writing again changes %d", len(again.Changes))
	}
	if other := carry(t, c, want(func(w *Wanted) { w.Template.Encoding = Query })); len(other.Changes) != 9 {
		t.Errorf("another encoding changes %d", len(other.Changes))
	}
	// An account that has left the scope loses its webhooks, and no other.
	if moved := carry(t, c, want(func(w *Wanted) {
		w.Template.Encoding, w.Levels, w.Without = Query, w.Levels[:2], w.Levels[2:]
	})); len(moved.Changes) != 3 {
		t.Errorf("a smaller scope changes %d", len(moved.Changes))
	}
	carry(t, c, want(func(w *Wanted) { w.Levels, w.Without = nil, append(w.Levels, w.Without...) }))
	if got := state(p); !reflect.DeepEqual(got, empty) {
		t.Errorf("after taking off there is %v, want %v", got, empty)
	}
}

func TestWebhooksOfOthersAreKept(t *testing.T) {
	p, c := simulated(t, simulator.PBXOptions{})
	p.SetHook("101", HookCall, foreignCDR)
	before := state(p)
	w := want(nil)
	plan := carry(t, c, w)
	if len(plan.Kept) != 1 || plan.Kept[0].Level != "101" || plan.Kept[0].Setting != HookCall || !plan.Kept[0].Foreign {
		t.Errorf("kept: %+v", plan.Kept)
	}
	if got := p.Hooks("101"); !maps.Equal(got, before["101"]) {
		t.Errorf("the account is half-installed: %v", got)
	}
	if got := p.Hooks(""); len(got) != 3 {
		t.Errorf("the tenant has %v", got)
	}
	w.ReplaceForeign = true
	if plan = carry(t, c, w); len(plan.Kept) != 0 || len(plan.Changes) != 3 {
		t.Errorf("replacing: %d kept, %d changed", len(plan.Kept), len(plan.Changes))
	}
	if there, _ := c.Hooks(t.Context(), "101"); !w.Template.Mine(there[HookCall]) {
		t.Errorf("it is still %+v", there[HookCall])
	}
}

func TestNothingIsHalfInstalled(t *testing.T) {
	settings := "/user_settings/"
	for name, fault := range map[string]simulator.PBXFault{
		"401": {Status: 401}, "403": {Status: 403}, "404": {Status: 404}, "500": {Status: 500},
		"HTML": simulator.PBXPage(""), "reset": {Reset: true}, "answer lost": {LosesAnswer: true},
	} {
		for _, removing := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				p, c := simulated(t, simulator.PBXOptions{})
				w := want(nil)
				if removing {
					carry(t, c, w)
					w.Levels, w.Without = nil, append(w.Levels, w.Without...)
				}
				p.SetHook("101", "acturl_mailbox", foreignOther)
				before := state(p)
				plan, err := c.Plan(t.Context(), w)
				if err != nil {
					t.Fatal(err)
				}
				// The tenant and the first account are written; the second fails.
				fault.Method, fault.Path, fault.After, fault.Times = http.MethodPost, settings, 1, 1
				p.Inject(fault)
				err = c.Apply(t.Context(), plan, nil)
				var failed *ApplyError
				if !errors.As(err, &failed) || len(failed.Left) > 0 || !strings.Contains(err.Error(), "nothing is half-installed") {
					t.Fatalf("the error is %v", err)
				}
				if got := state(p); !reflect.DeepEqual(got, before) {
					t.Errorf("the PBX has\n%v\nwant\n%v", got, before)
				}
			})
		}
	}
}

// The password of a webhook that was put back has to be the one it had.
func TestPutBackWithThePasswordItHad(t *testing.T) {
	for name, fail := range map[string]bool{"webhook of others": true, "ours": false} {
		t.Run(name, func(t *testing.T) {
			p, c := simulated(t, simulator.PBXOptions{})
			w := want(nil)
			if fail {
				p.SetHook("101", HookCall, foreignCDR)
				w.ReplaceForeign = true
			} else {
				carry(t, c, w)
				w.Levels, w.Without = nil, w.Levels
			}
			plan, err := c.Plan(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			p.Inject(simulator.PBXFault{Method: http.MethodPost, Path: "/user_settings/", After: 1, Times: 1, Status: 500})
			err = c.Apply(t.Context(), plan, nil)
			var failed *ApplyError
			if !errors.As(err, &failed) {
				t.Fatalf("the error is %v", err)
			}
			there, _ := c.Hooks(t.Context(), "101")
			got := there[HookCall]
			if fail {
				if got.URL != "https://cdr.other.example/in?key=k" || got.Password != "" {
					t.Errorf("put back as %s with a password: %t", got.URL, got.Password != "")
				}
				if len(failed.Passwords) != 1 || !strings.Contains(err.Error(), "account 101") {
					t.Errorf("the admin is told: %v", err)
				}
			} else if !got.Same(w.Template.Hooks("101")[HookCall]) || got.Password == "" || len(failed.Passwords) > 0 {
				t.Errorf("put back as %+v: %v", got, err)
			}
		})
	}
}

func TestWhatCouldNotBeUndoneIsNamed(t *testing.T) {
	p, c := simulated(t, simulator.PBXOptions{})
	plan, err := c.Plan(t.Context(), want(nil))
	if err != nil {
		t.Fatal(err)
	}
	p.Inject(simulator.PBXFault{Method: http.MethodPost, Path: "/user_settings/102", Status: 500},
		simulator.PBXFault{Path: "/user_settings/101", After: 3, Status: 500}) // its way back: reads before, after the write, and now
	err = c.Apply(t.Context(), plan, nil)
	if err == nil || !strings.Contains(err.Error(), "could not be undone at account 101:") {
		t.Errorf("the error is %v", err)
	}
}

func TestInterruptedInstallationIsUndone(t *testing.T) {
	p, c := simulated(t, simulator.PBXOptions{})
	before := state(p)
	plan, err := c.Plan(t.Context(), want(nil))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = c.Apply(ctx, plan, func(Level) { cancel() })
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "nothing is half-installed") {
		t.Errorf("the error is %v", err)
	}
	if got := state(p); !reflect.DeepEqual(got, before) {
		t.Errorf("the PBX has %v", got)
	}
}
