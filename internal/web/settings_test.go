package web

import (
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/screenpop"
)

func withRule(rule screenpop.SettingsRule) func(*rig, *Config) {
	return func(r *rig, c *Config) {
		settings, err := LoadSettings(r.t.Context(), r.store, map[screenpop.Tenant]screenpop.SettingsRule{priya.Tenant: rule}, slog.New(slog.DiscardHandler))
		if err != nil {
			r.t.Fatal(err)
		}
		c.Settings = settings
	}
}

func (r *rig) settings() screenpop.AgentSettings { return r.server.settings.Of(priya.AgentID) }

func TestAnAgentChangesSettings(t *testing.T) {
	r := newRig(t)
	cookie := r.join(priya)
	body := wants(t, r.request("PUT", "/api/settings", `{"on":"connected","inbound":false,"sound":true,"notification":"number","later":1}`, with(cookie)), 200)
	var view screenpop.SettingsView
	if err := json.Unmarshal([]byte(body), &view); err != nil {
		t.Fatal(err)
	}
	want := screenpop.AgentSettings{On: screenpop.Connected, Outbound: true, Sound: true, Notification: screenpop.NotifyNumber}
	if view.Settings != want || r.settings() != want || view.Defaults.On != screenpop.Ringing {
		t.Errorf("%+v", view)
	}
	if got := wants(t, r.request("GET", "/api/settings", "", with(cookie)), 200); got != body {
		t.Errorf("read back: %s", got)
	}
	if said := r.wall.said(); len(said) != 1 || !strings.HasPrefix(said[0], "settings 101@firm.example.com {On:connected ") {
		t.Errorf("screens were told %q", said)
	}
	if other := r.server.settings.Of(daniel.AgentID); other.On != screenpop.Ringing || !other.Inbound {
		t.Errorf("another agent's are %+v", other)
	}
	// null is back to the default; the rest stays.
	wants(t, r.request("PUT", "/api/settings", `{"on":null}`, with(cookie)), 200)
	if s := r.settings(); s.On != screenpop.Ringing || s.Inbound {
		t.Errorf("%+v", s)
	}
}

func TestSettingsSurviveARestartSealed(t *testing.T) {
	r := newRig(t)
	wants(t, r.request("PUT", "/api/settings", `{"outbound":false}`, with(r.join(priya))), 200)
	if n := r.store.count("settings/firm.example.com/101"); n != 1 {
		t.Fatalf("%d records in the store", n)
	}
	again, err := LoadSettings(t.Context(), r.store, nil, slog.New(slog.DiscardHandler))
	if err != nil || again.Of(priya.AgentID).Outbound {
		t.Errorf("%+v, %v", again.Of(priya.AgentID), err)
	}
}

func TestWhatTheFirmHasSettled(t *testing.T) {
	r := newRig(t, withRule(screenpop.SettingsRule{
		Defaults: screenpop.AgentSettings{On: screenpop.Ringing, Inbound: true, Outbound: true, Notification: screenpop.NotifyNumber},
		Locked:   []string{screenpop.SettingOn},
	}))
	cookie := r.join(priya)
	for body, want := range map[string]string{
		`{"sound":true,"on":"connected"}`:      "Your administrator decides about when a pop appears",
		`{"on":null}`:                          "Your administrator decides",
		`{"sound":true,"notification":"full"}`: "does not allow names",
	} {
		if answer := wants(t, r.request("PUT", "/api/settings", body, with(cookie)), 403); !strings.Contains(answer, want) {
			t.Errorf("%s: %s", body, answer)
		}
	}
	if s := r.settings(); s.Sound || s.On != screenpop.Ringing || len(r.wall.said()) != 0 {
		t.Errorf("part of a refused change was made: %+v", s)
	}
	var view screenpop.SettingsView
	if err := json.Unmarshal([]byte(wants(t, r.request("GET", "/api/settings", "", with(cookie)), 200)), &view); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(view.Locked, []string{"on"}) || !slices.Equal(view.Notifications, []screenpop.Notification{"number", "none"}) {
		t.Errorf("%+v", view)
	}
	wants(t, r.request("PUT", "/api/settings", `{"notification":"none"}`, with(cookie)), 200)
}

func TestSettingsThatAreNone(t *testing.T) {
	r := newRig(t)
	cookie := r.join(priya)
	for _, body := range []string{`{"on":"terminated"}`, `{"on":1}`, `{"inbound":"yes"}`, `{"notification":"all"}`, `[]`, `"x"`} {
		wants(t, r.request("PUT", "/api/settings", body, with(cookie)), 400)
	}
	wants(t, r.request("PUT", "/api/settings", `{}`), 401)
	wants(t, r.request("PUT", "/api/settings", `{}`, with(cookie), without("Origin")), 403)
	wants(t, r.request("GET", "/api/settings", ""), 401)
}

// A record that cannot be read costs its agent the choice and nobody the start.
func TestSettingsThatCannotBeRead(t *testing.T) {
	r := newRig(t)
	if _, err := r.store.CompareAndSet(t.Context(), "settings/firm.example.com/101", []byte("rubbish"), 0); err != nil {
		t.Fatal(err)
	}
	r = &rig{t: t, store: r.store}
	log := &lockedBuffer{}
	s, err := LoadSettings(t.Context(), r.store, nil, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil || !s.Of(priya.AgentID).Inbound || !strings.Contains(log.String(), "101@firm.example.com") || strings.Contains(log.String(), "rubbish") {
		t.Fatalf("%v %s", err, log)
	}
	off := false
	if _, err := s.change(t.Context(), priya.AgentID, change{"inbound": []byte("false")}, func(screenpop.SettingsView) {}); err != nil || s.Of(priya.AgentID).Inbound != off {
		t.Errorf("it cannot be replaced: %v", err)
	}
}
