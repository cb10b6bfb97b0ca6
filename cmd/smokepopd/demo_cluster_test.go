package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/smokepop/smokepop/internal/process"
	"github.com/smokepop/smokepop/internal/simulator"
)

// natsProgram builds nats-server beside the binary under test, where the demo
// looks for it.
var natsProgram = sync.OnceValues(func() (string, error) {
	path, err := binary()
	if err != nil {
		return "", err
	}
	path = filepath.Join(filepath.Dir(path), "nats-server")
	return path, process.Build(path, "github.com/nats-io/nats-server/v2")
})

// A demo of three nodes shows calls; when the node that has the firm is killed,
// the same address shows the next ones, to an agent who is paired still.
func TestDemoOfSeveralNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("builds binaries and runs them")
	}
	if _, err := natsProgram(); err != nil {
		t.Fatal(err)
	}
	d := startDemo(t, "--nodes", "3", "--calls-per-minute", "600")
	v := signIn(t, d.line(`(http://\S+/join#\S+)`))
	d.pair(v)
	sc := v.reopen()
	pop := sc.await("pop")
	if len(names(pop["pop"])) == 0 {
		t.Errorf("a pop that names nobody: %v", pop)
	}
	firm := regexp.QuoteMeta(simulator.NewFirm().Name)
	owner := d.line(`node (\w) has ` + firm)
	pid, err := strconv.Atoi(d.line(`kill -9 (\d+) +node ` + owner))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	sc.gone()
	sc = v.reopen()
	if dig(sc.hello, "pairing", "state") != "paired" {
		t.Errorf("after a node was killed the agent is %v", sc.hello["pairing"])
	}
	if pop := sc.await("pop"); len(names(pop["pop"])) == 0 {
		t.Errorf("a pop that names nobody: %v", pop)
	}
	d.line(`(node ` + owner + `, process ` + strconv.Itoa(pid) + `, has ended \(signal: killed\))`)
	d.line(`(node [^` + owner + `] has ` + firm + `)`)
	d.stop(sc.gone)
	for _, m := range regexp.MustCompile(`kill -9 (\d+) +(.*)|is process (\d+) now`).FindAllStringSubmatch(d.said.String(), -1) {
		pid, _ := strconv.Atoi(m[1] + m[3])
		if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
			t.Errorf("%s runs on after the demo: %v", m[0], err)
		}
	}
}

// Without a NATS server at hand the demo says what to do.
func TestDemoFindsNATS(t *testing.T) {
	empty, dir := t.TempDir(), t.TempDir()
	t.Setenv("PATH", empty)
	self := filepath.Join(dir, "smokepopd")
	if _, err := findNATS(self); err == nil || !strings.Contains(err.Error(), "make demo NODES=3") || !strings.Contains(err.Error(), filepath.Join(dir, "nats-server")) {
		t.Errorf("without one: %v", err)
	}
	for _, at := range []string{empty, dir} { // in PATH, and before that beside smokepopd
		want := filepath.Join(at, "nats-server")
		if err := os.WriteFile(want, nil, 0o700); err != nil {
			t.Fatal(err)
		}
		if got, err := findNATS(self); err != nil || got != want {
			t.Errorf("found %q, %v; want %q", got, err, want)
		}
	}
	for _, n := range []string{"0", "6", "-1"} {
		var out, side strings.Builder
		if code := run([]string{"demo", "--nodes", n}, strings.NewReader(""), &out, &side); code != exitUsage || !strings.Contains(side.String(), "from 1 to 5") {
			t.Errorf("--nodes %s: %d %s", n, code, side.String())
		}
	}
}
