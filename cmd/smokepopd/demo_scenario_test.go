package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/simulator"
)

// The demo plays a scenario from a file, says who is to see what, and agents
// see it.
func TestDemoPlaysAScenario(t *testing.T) {
	recorded, err := os.ReadFile("../../internal/simulator/scenarios/ring-group-first-answer.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(file, recorded, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := smokepopd(t, "demo", "--listen", freeAddress(t), "--scenario", file)
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(out); !strings.Contains(said.String(), "101 sees Maria Castellanos, connected") && lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	for _, want := range []string{
		"for Daniel Okafor (extension 102)", "for Grace Whitfield (extension 103)", "A ring group of three",
		"101 sees Maria Castellanos, ringing; 102 sees Maria Castellanos, ringing; 103 sees Maria Castellanos, ringing\n",
	} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, said.String())
		}
	}
}

func TestDemoScenarios(t *testing.T) {
	all, err := simulator.Recordings()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		got, err := scenarioNamed(r.Name)
		if err != nil || got.Title != r.Title {
			t.Errorf("%s: %v", r.Name, err)
		}
		if len(watchers(r)) == 0 {
			t.Errorf("%s: nobody watches", r.Name)
		}
	}
	for _, args := range [][]string{{"--scenario", "nothing-like-it"}, {"--scenario", "./absent.yaml"}, {"--disorder", "2"}, {"--calls-per-minute", "0"}} {
		var out, side strings.Builder
		if code := run(append([]string{"demo"}, args...), strings.NewReader(""), &out, &side); code != exitUsage || !strings.Contains(side.String(), args[0]) {
			t.Errorf("%v: %d %s", args, code, side.String())
		}
	}
}
