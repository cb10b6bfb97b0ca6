package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// SettingsPrefix is where in the store agents' settings lie.
const SettingsPrefix = "settings/"

// Settings are what agents have chosen for themselves, within what their firm
// lets them. They lie in the store at "settings/TENANT/EXTENSION" and are kept
// in memory, so that asking is quick. Safe for concurrent use.
type Settings struct {
	store Store
	rules map[screenpop.Tenant]screenpop.SettingsRule

	writing sync.Mutex // held to change one and to tell of it, in that order
	mu      sync.RWMutex
	chosen  map[screenpop.AgentID]chosen
}

type chosen struct {
	choice   screenpop.SettingsChoice
	revision uint64
}

// LoadSettings reads the agents' settings. A record that cannot be read is left
// alone and logged: its agent has the firm's defaults.
func LoadSettings(ctx context.Context, store Store, rules map[screenpop.Tenant]screenpop.SettingsRule, log *slog.Logger) (*Settings, error) {
	s := &Settings{store: store, rules: rules, chosen: map[screenpop.AgentID]chosen{}}
	paths, err := store.List(ctx, SettingsPrefix)
	if err != nil {
		return nil, fmt.Errorf("list the agents' settings: %w", err)
	}
	for _, path := range paths {
		tenant, extension, _ := strings.Cut(strings.TrimPrefix(path, SettingsPrefix), "/")
		agent := screenpop.AgentID{Tenant: screenpop.Tenant(tenant), Extension: screenpop.Extension(extension)}
		value, revision, err := store.Get(ctx, path)
		c := chosen{revision: revision}
		if err == nil {
			err = json.Unmarshal(value, &c.choice)
		}
		if err != nil {
			log.Warn("an agent's settings cannot be read: the firm's defaults are used", "agent", agent, "error", err)
			continue
		}
		s.chosen[agent] = c
	}
	return s, nil
}

// Of returns the settings in effect.
func (s *Settings) Of(agent screenpop.AgentID) screenpop.AgentSettings {
	return s.rule(agent.Tenant).Settings(s.get(agent).choice)
}

// View returns what the agent's page shows of them.
func (s *Settings) View(agent screenpop.AgentID) screenpop.SettingsView {
	return s.rule(agent.Tenant).View(s.get(agent).choice)
}

func (s *Settings) get(agent screenpop.AgentID) chosen {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.chosen[agent]
}

// Reconfigure puts other rules in the place of those there are, and tells of the
// agents' settings by told where that changes them. What agents have chosen
// stays, within what they may.
func (s *Settings) Reconfigure(rules map[screenpop.Tenant]screenpop.SettingsRule, agents []screenpop.Agent, told func(screenpop.AgentID, screenpop.SettingsView)) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	before := s.rules
	s.rules = rules
	s.mu.Unlock()
	for _, a := range agents {
		if !reflect.DeepEqual(before[a.Tenant], rules[a.Tenant]) {
			told(a.AgentID, s.View(a.AgentID))
		}
	}
}

func (s *Settings) rule(t screenpop.Tenant) screenpop.SettingsRule {
	s.mu.RLock()
	r, ok := s.rules[t]
	s.mu.RUnlock()
	if ok {
		return r
	}
	return screenpop.SettingsRule{Defaults: screenpop.AgentSettings{
		On: screenpop.Ringing, Inbound: true, Outbound: true, Notification: screenpop.NotifyFull,
	}}
}

// change makes a change of an agent's choice and tells of it by told, in the
// order of the changes.
func (s *Settings) change(ctx context.Context, agent screenpop.AgentID, c change, told func(screenpop.SettingsView)) (screenpop.SettingsView, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	before := s.get(agent)
	choice, err := c.apply(s.rule(agent.Tenant), before.choice)
	if err != nil {
		return screenpop.SettingsView{}, err
	}
	value, err := json.Marshal(choice)
	if err != nil {
		return screenpop.SettingsView{}, err
	}
	path := SettingsPrefix + string(agent.Tenant) + "/" + string(agent.Extension)
	if before.revision == 0 { // there is none, or one that cannot be read
		if _, err := s.store.Delete(ctx, path, 0); err != nil {
			return screenpop.SettingsView{}, fmt.Errorf("keep an agent's settings: %w", err)
		}
	}
	revision, err := s.store.CompareAndSet(ctx, path, value, before.revision)
	if err != nil {
		return screenpop.SettingsView{}, fmt.Errorf("keep an agent's settings: %w", err)
	}
	s.mu.Lock()
	s.chosen[agent] = chosen{choice, revision}
	s.mu.Unlock()
	view := s.View(agent)
	told(view)
	return view, nil
}

// showSettings: GET /api/settings.
func (s *Server) showSettings(w http.ResponseWriter, r *http.Request) error {
	_, agent, err := s.signed(r)
	if err != nil {
		return err
	}
	return writeJSON(w, s.settings.View(agent.AgentID))
}

// changeSettings: PUT /api/settings.
func (s *Server) changeSettings(w http.ResponseWriter, r *http.Request) error {
	se, agent, err := s.own(r)
	if err != nil {
		return err
	}
	var c change
	if err := s.decode(w, r, &c); err != nil {
		return err
	}
	// A browser that leaves does not take back what it has asked for.
	view, err := s.settings.change(context.WithoutCancel(r.Context()), agent.AgentID, c, func(v screenpop.SettingsView) {
		s.screens.SettingsChanged(agent.AgentID, v)
	})
	var he *HTTPError
	if err != nil && !errors.As(err, &he) {
		err = failed("change settings", err)
	}
	s.record(r, asAgent(se, agent.AgentID), audit.Settings{Agent: agent.AgentID, Names: c.names()}, err)
	if err != nil {
		return err
	}
	return writeJSON(w, view)
}
