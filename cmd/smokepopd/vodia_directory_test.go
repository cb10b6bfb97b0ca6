package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/simulator"
)

// fromPBX is a world whose PBX tells who the agents are; the configuration
// names those given.
func fromPBX(agents ...map[string]any) func(*demoWorld, map[string]any) {
	return func(w *demoWorld, settings map[string]any) {
		withAPI("webhook")(w, settings)
		tenant := settings["tenants"].([]map[string]any)[0]
		tenant["agents"] = agents
	}
}

// readOnce waits until the PBX was read.
func (s *system) readOnce() {
	s.t.Helper()
	s.awaitMetric(`smokepop_directory_refresh_total{outcome="read"} 1`)
}

// agents are who the daemon knows, by extension.
func (s *system) agents() map[string]agentRow {
	s.t.Helper()
	var list agentList
	r := s.cli("agents", "list", "--json")
	if err := json.Unmarshal([]byte(r.stdout), &list); err != nil {
		s.t.Fatalf("%v: %s%s", err, r.stdout, r.stderr)
	}
	out := map[string]agentRow{}
	for _, a := range list.Agents {
		out[string(a.Extension)] = a
	}
	return out
}

// In every shape in which a PBX tells of its accounts, agents come from it with
// names, e-mails and groups, the configuration wins, and a call pops.
func TestAgentsComeFromThePBX(t *testing.T) {
	for _, shape := range simulator.DirectoryShapes() {
		t.Run(string(shape), func(t *testing.T) {
			s := startSystem(t, systemOptions{
				world: fromPBX(map[string]any{"extension": "102", "name": "Dan"}),
				pbx:   []func(*simulator.PBXOptions){func(o *simulator.PBXOptions) { o.Directory = shape }},
			})
			s.readOnce()
			got := s.agents()
			if len(got) != len(s.firm().Agents) {
				t.Errorf("%d agents, want %d", len(got), len(s.firm().Agents))
			}
			for _, want := range s.firm().Agents {
				name := want.Name
				if want.Extension == "102" {
					name = "Dan"
				}
				if a := got[want.Extension]; a.Name != name || a.Email != want.Email {
					t.Errorf("%s is %q, %q, want %q, %q", want.Extension, a.Name, a.Email, name, want.Email)
				}
			}
			me := s.firm().Agents[0]
			sc := s.paired(me).open()
			s.mustAccept(event{"event": "ringing", "call_id": "c", "from": s.known()[0].E164(), "to": me.Extension})
			if pop := sc.next("pop"); dig(pop, "pop", "call", "id") != "c" {
				t.Errorf("the pop is %v", pop)
			}
		})
	}
}

// A scope of a group of the PBX's own: who is in it gets pops, who is excepted
// does not.
func TestScopeByGroupOfThePBX(t *testing.T) {
	for name, c := range map[string]struct {
		group  simulator.PBXGroup
		inside string
		out    string
	}{
		"specific": {simulator.PBXGroup{ID: "7", Name: "Front Desk", Specific: []string{"103", "104"}}, "103", "101"},
		"except":   {simulator.PBXGroup{ID: "7", Name: "Front Desk", Except: []string{"104"}}, "101", "104"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startSystem(t, systemOptions{
				world: func(w *demoWorld, settings map[string]any) {
					fromPBX()(w, settings)
					settings["tenants"].([]map[string]any)[0]["scope"] = map[string]any{"groups": []string{"front desk"}}
				},
				pbx: []func(*simulator.PBXOptions){func(o *simulator.PBXOptions) { o.Groups = []simulator.PBXGroup{c.group} }},
			})
			s.readOnce()
			for _, a := range s.firm().Agents {
				switch a.Extension {
				case c.out:
					s.mustSkip("out-of-scope", event{"event": "ringing", "call_id": "o", "from": s.known()[0].E164(), "to": a.Extension})
				case c.inside:
					sc := s.paired(a).open()
					s.mustAccept(event{"event": "ringing", "call_id": "i", "from": s.known()[0].E164(), "to": a.Extension})
					if pop := sc.next("pop"); dig(pop, "pop", "call", "id") != "i" {
						t.Errorf("the pop is %v", pop)
					}
				}
			}
		})
	}
}

func TestDoctorOnTheDirectory(t *testing.T) {
	firm := simulator.NewFirm()
	s := startSystem(t, systemOptions{firms: []*simulator.Firm{firm}, world: fromPBX(
		map[string]any{"extension": "101", "name": "Grace Whitfield"}, // the name 103 has
		map[string]any{"extension": "102", "email": "GRACE@firm.example"},
		map[string]any{"extension": "199", "name": "Nobody"},
	)})
	s.readOnce()
	_, out := s.doctor("--json")
	r := probes(t, out)
	r.wants(t, probeOK, "directory of firm.example: agents: 7; the PBX was read at ")
	r.wants(t, probeWarn, "extensions without an e-mail: 199")
	r.wants(t, probeWarn, "extensions with the same e-mail: 102, 103")
	r.wants(t, probeWarn, "extensions with the same name: 101, 103")
	r.wants(t, probeWarn, "configured agents that the PBX does not list: 199")

	// Somebody who is paired leaves the firm.
	leaver := firm.Agents[3]
	s.paired(leaver)
	s.vodia().RemoveAccount(leaver.Extension)
	s.cli("agents", "refresh").wants(t, exitOK)
	_, out = s.doctor()
	if want := "paired agents whose extension is gone: 104\n         > if the person has left: smokepopd agents unpair --tenant firm.example --extension 104"; !strings.Contains(out, want) {
		t.Errorf("it does not say %q:\n%s", want, out)
	}
	s.mustSkip("unknown-extension", event{"event": "ringing", "call_id": "gone", "from": s.known()[0].E164(), "extension": "104"})
	s.cli("agents", "unpair", "--tenant", s.domain(), "--extension", "104").wants(t, exitOK)
	if _, out = s.doctor(); strings.Contains(out, "is gone") {
		t.Errorf("after unpairing it still says\n%s", out)
	}
}

// While the PBX is away, the last good copy serves on, and the admin is told.
func TestDirectoryWhileThePBXIsAway(t *testing.T) {
	s := startSystem(t, systemOptions{world: fromPBX()})
	s.readOnce()
	back := s.vodia().Inject(simulator.PBXFault{Path: "/rest/", Status: http.StatusInternalServerError})
	r := s.cli("agents", "refresh", "--tenant", s.domain())
	if r.code != exitFailed || !strings.Contains(r.stdout, "FAILED   directory of firm.example: agents: 6; ") || !strings.Contains(r.stdout, "is in use") {
		t.Errorf("code %d: %s%s", r.code, r.stdout, r.stderr)
	}
	if got := s.agents(); len(got) != 6 {
		t.Errorf("%d agents", len(got))
	}
	if code, out := s.doctor(); code != exitFailed || !strings.Contains(out, "FAILED   directory of firm.example: agents: 6; ") {
		t.Errorf("code %d: %s", code, out)
	}
	back()
	s.cli("agents", "refresh").wants(t, exitOK)
	var doc directoryList
	if r := s.cli("agents", "refresh", "--json"); json.Unmarshal([]byte(r.stdout), &doc) != nil || len(doc.Directories) != 1 || doc.Directories[0].PBX.Outcome != "read" {
		t.Errorf("%s%s", r.stdout, r.stderr)
	}
	s.cli("agents", "refresh", "--tenant", "nobody.example").wants(t, exitFailed, "nobody.example")
}
