package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/simulator"
)

// Two faults of the closest public code, at 200 agents: of two events in one TCP
// segment the second was lost, and when one agent's page was loaded again,
// everybody's pops stopped.
func TestTwoHundredAgents(t *testing.T) {
	const agents = 200
	s := startSystem(t, systemOptions{
		firms: []*simulator.Firm{largeFirm(agents)}, as: unlimited,
		world: func(_ *demoWorld, settings map[string]any) {
			setTenant(settings, "smokeball", "requests_per_second", 1000)
			setTenant(settings, "smokeball", "burst", 1000)
			setTenant(settings, "lookup", "timeout", "30s")
			setTenant(settings, "lookup", "matters", false)
		},
	})
	screens := make([]*screen, agents)
	visitors := make([]*visitor, agents)
	for i, a := range s.firm().Agents {
		visitors[i] = s.paired(a)
		screens[i] = visitors[i].open()
	}
	caller := s.known()[0]

	t.Run("two events in one segment", func(t *testing.T) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.world.public, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		answers := bufio.NewReader(conn)
		for i := 0; i < agents; i += 2 {
			var segment []byte
			for _, a := range s.firm().Agents[i : i+2] {
				segment = append(segment, s.rawHook(t, event{"event": "ringing", "call_id": "seg" + a.Extension, "from": caller.E164(), "to": a.Extension})...)
			}
			if _, err := conn.Write(segment); err != nil { // one write: the kernel sends it as one segment
				t.Fatal(err)
			}
			for range 2 {
				_ = conn.SetReadDeadline(time.Now().Add(waitAtMost))
				res, err := http.ReadResponse(answers, nil)
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				if res.StatusCode != http.StatusAccepted {
					t.Fatal(res.Status)
				}
			}
		}
		for i, a := range s.firm().Agents {
			if pop := screens[i].next("pop"); dig(pop, "pop", "call", "id") != "seg"+a.Extension {
				t.Errorf("extension %s sees %v", a.Extension, pop)
			}
			s.mustAccept(event{"event": "terminated", "call_id": "seg" + a.Extension})
			screens[i].next("end")
		}
	})

	t.Run("one reloads", func(t *testing.T) {
		stop := make(chan struct{})
		var reloading sync.WaitGroup
		reloads := 0
		reloading.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				conn, _, err := visitors[0].dial("smokepop.v1")
				if err != nil {
					t.Errorf("reload: %v", err)
					return
				}
				reloads++
				_ = conn.Close() // without a close frame, as a page that is gone
			}
		})
		for round := range 3 {
			for _, a := range s.firm().Agents {
				s.mustAccept(event{"event": "ringing", "call_id": fmt.Sprint(round, "-", a.Extension), "from": caller.E164(), "to": a.Extension})
			}
			for i, a := range s.firm().Agents[1:] {
				id := fmt.Sprint(round, "-", a.Extension)
				if pop := screens[i+1].next("pop"); dig(pop, "pop", "call", "id") != id {
					t.Errorf("extension %s sees %v", a.Extension, pop)
				}
				s.mustAccept(event{"event": "terminated", "call_id": id})
				screens[i+1].next("end")
			}
		}
		close(stop)
		reloading.Wait()
		if reloads < 10 {
			t.Errorf("%d reloads only", reloads)
		}
		// Who reloads has lost nothing either.
		pops := visitors[0].open().hello["pops"].([]any)
		if len(pops) != 3 {
			t.Errorf("who reloads sees %v", pops)
		}
	})
}

// rawHook is a webhook as its bytes on the wire, on a connection that stays.
func (s *system) rawHook(t *testing.T, e event) []byte {
	t.Helper()
	body, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.world.public+"/hooks/vodia/"+s.domain(), strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth(s.world.access.Username, s.world.access.Password)
	raw, err := httputil.DumpRequestOut(r, true)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
