package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// captured runs a capture while something happens, and returns what it printed.
// The daemon is stopped by it.
func (s *system) captured(during func()) string {
	s.t.Helper()
	var out bytes.Buffer
	side, told := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run([]string{"vodia", "capture", "--for", "5m", "--config", s.file}, strings.NewReader(""), &out, told)
		_ = told.Close()
	}()
	lines := bufio.NewScanner(side)
	for lines.Scan() && !strings.Contains(lines.Text(), "Make a call now") {
	}
	during()
	go func() { _, _ = io.Copy(io.Discard, side) }()
	s.stop() // ends it, as the time would
	if c := <-code; c != exitOK {
		s.t.Errorf("exit code %d", c)
	}
	return out.String()
}

// A PBX with names of its own: capture says what arrives and which lines make
// it understood; with these lines in the configuration the same webhook pops.
func TestCaptureNamesTheLineToAdd(t *testing.T) {
	s := startSystem(t, systemOptions{})
	me, caller := s.firm().Agents[0], s.known()[0]
	strange := event{"event": "incoming", "call_id": "odd", "RemoteParty": caller.E164(), "to": me.Extension, "queue": "{queue}"}
	out := s.captured(func() {
		if status, answer := s.hook(strange); status == http.StatusAccepted {
			t.Errorf("it was accepted: %v", answer)
		}
		s.mustSkip("state", event{"event": "incoming", "call_id": "odd", "from": caller.E164(), "to": me.Extension})
	})
	for _, want := range []string{"RemoteParty", "+digits(11) ending in 42", `"queue" ({queue})`, "aliases: { from: [RemoteParty] }", "event_names: { ringing: [incoming] }", "2 webhooks arrived."} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, strings.TrimPrefix(caller.E164(), "+1")[:8]) {
		t.Errorf("it shows the number:\n%s", out)
	}

	var lines map[string]any
	if err := yaml.Unmarshal([]byte("aliases: { from: [RemoteParty] }\nevent_names: { ringing: [incoming] }"), &lines); err != nil {
		t.Fatal(err)
	}
	s = startSystem(t, systemOptions{world: func(_ *demoWorld, settings map[string]any) {
		for key, value := range lines {
			setTenant(settings, "pbx", key, value)
		}
	}})
	sc := s.paired(me).open()
	s.mustAccept(strange)
	pop := sc.next("pop")
	if dig(pop, "pop", "call", "number") != caller.E164() || dig(pop, "pop", "call", "queue") != "" {
		t.Errorf("the pop is %v", pop)
	}
}
