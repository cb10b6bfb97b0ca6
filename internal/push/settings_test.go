package push_test

import (
	"context"
	"sync"
	"testing"

	"github.com/smokepop/smokepop/internal/push"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// choices are settings that change, once, while somebody has read the old ones
// and has not used them yet.
type choices struct {
	mu   sync.Mutex
	now  screenpop.SettingsView
	read func()
}

func (c *choices) View(screenpop.AgentID) screenpop.SettingsView {
	c.mu.Lock()
	v, read := c.now, c.read
	c.read = nil
	c.mu.Unlock()
	if read != nil {
		read()
	}
	return v
}

func (c *choices) sound(on bool) screenpop.SettingsView {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now.Settings.Sound = on
	return c.now
}

func withSettings(t *testing.T) (*rig, *choices) {
	t.Helper()
	g := start(t, push.Limits{})
	if err := g.Hub.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	c := &choices{}
	g.Hub = push.New(push.Config{Origin: origin, Pairings: g.pairings, Settings: c})
	return g, c
}

func TestSettingsReachAllScreensOfTheAgent(t *testing.T) {
	g, c := withSettings(t)
	a, b, other := g.open(t, priya, "a"), g.open(t, priya, "b"), g.open(t, agent("102"), "c")
	for _, screen := range []*browser{a, b, other} {
		if m := screen.read(); m.Settings.Settings.Sound {
			t.Errorf("hello: %+v", m.Settings)
		}
	}
	g.SettingsChanged(priya, c.sound(true))
	g.EndAll(priya)
	for _, screen := range []*browser{a, b} {
		if m := screen.read(); m.Type != "settings" || !m.Settings.Settings.Sound || m.Seq != 1 {
			t.Errorf("%+v", m)
		}
	}
	if m := g.open(t, priya, "d").read(); !m.Settings.Settings.Sound {
		t.Errorf("hello after the change: %+v", m.Settings)
	}
	g.PairingChanged(agent("102"), screenpop.Pairing{State: screenpop.Paired})
	other.want("pairing paired") // and nothing before it
}

func TestSettingsThatChangeDuringTheHandshakeAreNotLost(t *testing.T) {
	g, c := withSettings(t)
	c.read = func() { g.SettingsChanged(priya, c.sound(true)) }
	if m := g.open(t, priya, "s").read(); !m.Settings.Settings.Sound {
		t.Error("hello has the old settings, and nothing follows")
	}
}

func TestScreensOfASession(t *testing.T) {
	g := start(t, push.Limits{})
	g.open(t, priya, "a").read()
	g.open(t, priya, "a").read()
	g.open(t, priya, "b").read()
	for session, want := range map[string]int{"a": 2, "b": 1, "c": 0} {
		if n := g.SessionScreens(priya, session); n != want {
			t.Errorf("%s: %d screens, want %d", session, n, want)
		}
	}
	if n := g.SessionScreens(agent("102"), "a"); n != 0 {
		t.Errorf("another agent: %d", n)
	}
}
