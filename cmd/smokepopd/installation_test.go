package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/process"
	"github.com/smokepop/smokepop/internal/simulator"
)

// binary builds smokepopd the way make does, once for all tests. It lies beside
// the test's own binary, in a folder that go test removes at its end.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(os.Args[0]), "smokepopd-under-test")
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return path, process.Build(path, ".", "-trimpath", "-ldflags", "-s -w -X main.version=v0-test")
})

func smokepopd(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the binary and runs it")
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, path, args...)
}

// result is how a command ended.
type result struct {
	code           int
	stdout, stderr string
}

// command runs smokepopd to its end.
func command(t testing.TB, args ...string) result {
	t.Helper()
	cmd := smokepopd(t, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// wants holds a command's end against the code, with all of said on stderr.
func (r result) wants(t testing.TB, code int, said ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d\nstdout: %s\nstderr: %s", r.code, code, r.stdout, r.stderr)
	}
	for _, s := range said {
		if !strings.Contains(r.stderr, s) {
			t.Errorf("stderr does not say %q:\n%s", s, r.stderr)
		}
	}
	if code != exitOK && r.stdout != "" {
		t.Errorf("a failure says on stdout: %s", r.stdout)
	}
	if strings.Contains(r.stderr, "goroutine ") {
		t.Errorf("a stack trace for the admin:\n%s", r.stderr)
	}
}

// freeAddress returns an address that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	address, err := process.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// installation is what an admin sets up: a configuration and its secrets, with
// a simulated world around it, and smokepopd as a process.
type installation struct {
	t                      testing.TB
	world                  *demoWorld
	dir, file, socket, ops string

	cmd    *exec.Cmd
	stderr *bytes.Buffer // complete once the process has ended
	held   []*os.File    // sockets that the daemon is started with
	cgroup string        // the file that puts a process into the group it is started in; empty: ours
}

// hold binds the daemon's address and keeps the socket over restarts, as
// systemd does for a .socket unit.
func (in *installation) hold() {
	in.t.Helper()
	l, err := new(net.ListenConfig).Listen(in.t.Context(), "tcp", strings.TrimPrefix(in.world.public, "http://"))
	if err != nil {
		in.t.Fatal(err)
	}
	defer l.Close() // the file is a copy
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() { _ = f.Close() })
	in.held = append(in.held, f)
}

func install(t testing.TB, firm *simulator.Firm, as func(*simulator.Options), change func(map[string]any)) *installation {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the binary and runs it")
	}
	world := startWorld(t, freeAddress(t), []*simulator.Firm{firm}, as)
	in := &installation{t: t, world: world, dir: t.TempDir(), ops: freeAddress(t), stderr: &bytes.Buffer{}}
	in.socket = filepath.Join(in.dir, "admin.sock")
	var err error
	in.file, err = world.writeConfig(in.dir, func(settings map[string]any) {
		settings["listen"].(map[string]any)["ops"] = in.ops
		settings["log"] = map[string]any{"level": "debug", "format": "json"}
		if change != nil {
			change(settings)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// serve starts the daemon and waits until it says that it is ready.
func (in *installation) serve(env ...string) {
	in.t.Helper()
	notify, err := new(net.ListenConfig).ListenPacket(in.t.Context(), "unixgram", filepath.Join(in.dir, "notify.sock"))
	if err != nil {
		in.t.Fatal(err)
	}
	defer func() {
		_ = notify.Close()
		_ = os.Remove(filepath.Join(in.dir, "notify.sock"))
	}()
	in.start(append(env, "NOTIFY_SOCKET="+filepath.Join(in.dir, "notify.sock"))...)
	if got := receive(in.t, notify); got != "READY=1" {
		in.t.Fatalf("the daemon's first word is %q", got)
	}
}

// start starts the daemon and waits for nothing.
func (in *installation) start(env ...string) {
	in.t.Helper()
	in.cmd = smokepopd(in.t, "serve", "--config", in.file)
	in.cmd.Env = append(os.Environ(), env...)
	if len(in.held) > 0 {
		// LISTEN_PID is the process's own, which is known once there is one.
		in.cmd.Args = append([]string{"sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`}, in.cmd.Args...)
		in.cmd.Path, in.cmd.ExtraFiles = "/bin/sh", in.held
		in.cmd.Env = append(in.cmd.Env, fmt.Sprint("LISTEN_FDS=", len(in.held)))
	}
	if in.cgroup != "" {
		in.cmd.Args = append([]string{"sh", "-c", `echo $$ >"$0" && exec "$@"`, in.cgroup}, in.cmd.Args...)
		in.cmd.Path = "/bin/sh"
	}
	in.cmd.Stderr = in.stderr
	if err := in.cmd.Start(); err != nil {
		in.t.Fatal(err)
	}
	cmd := in.cmd
	in.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
}

// end sends a signal and waits for the daemon's end.
func (in *installation) end(sig os.Signal) int {
	in.t.Helper()
	if err := in.cmd.Process.Signal(sig); err != nil {
		in.t.Fatal(err)
	}
	_ = in.cmd.Wait()
	return in.cmd.ProcessState.ExitCode()
}

// receive reads one message to the service manager.
func receive(t testing.TB, c net.PacketConn) string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(3 * waitAtMost)) // a cluster's servers may have to choose leaders first
	b := make([]byte, 4096)
	n, _, err := c.ReadFrom(b)
	if err != nil {
		t.Fatalf("the daemon did not notify: %v", err)
	}
	return string(b[:n])
}

func (in *installation) firm() *simulator.Firm { return in.world.firms[0] }

func (in *installation) smokeball() *simulator.Smokeball { return in.world.smokeball[0] }

// admin runs a command on the running daemon.
func (in *installation) admin(args ...string) result {
	in.t.Helper()
	return command(in.t, append(args, "--config", in.file)...)
}

// document runs a command that prints one JSON document.
func (in *installation) document(args ...string) map[string]any {
	in.t.Helper()
	r := in.admin(append(args, "--json")...)
	r.wants(in.t, exitOK)
	return oneDocument(in.t, r.stdout)
}

func oneDocument(t testing.TB, text string) map[string]any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	var doc map[string]any
	if err := dec.Decode(&doc); err != nil {
		t.Fatalf("no JSON document: %v\n%s", err, text)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		t.Errorf("something follows the document: %s", text)
	}
	return doc
}

// join signs a browser in by the invite command.
func (in *installation) join(extension string) *visitor {
	in.t.Helper()
	doc := in.document("agents", "invite", "--tenant", in.firm().Domain, "--extension", extension)
	return signIn(in.t, doc["url"].(string))
}

// ring sends a webhook that has to be accepted.
func (in *installation) ring(e event) {
	in.t.Helper()
	body, err := json.Marshal(e)
	if err != nil {
		in.t.Fatal(err)
	}
	pbx := &visitor{t: in.t, public: in.world.public}
	res, answer := pbx.request(http.MethodPost, "/hooks/vodia/"+in.firm().Domain, string(body), func(r *http.Request) {
		r.SetBasicAuth(in.world.access.Username, in.world.access.Password)
	})
	if res.StatusCode != http.StatusAccepted {
		in.t.Fatalf("webhook: %s %s", res.Status, answer)
	}
}
