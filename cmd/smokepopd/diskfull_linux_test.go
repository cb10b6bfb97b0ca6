package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/smokepop/smokepop/internal/simulator"
)

// A file may not grow any more, as under a quota or LimitFSIZE=: not even the
// database's own pages can be written, so no token may be asked for.
func TestFileSizeLimit(t *testing.T) {
	t.Parallel() // it waits more than it works
	in := install(t, simulator.NewFirm(), rotating, nil)
	in.serve()
	f := newFullDisk(in)
	limit := func(soft uint64) func() { return func() { limitFileSize(t, in.cmd.Process.Pid, soft) } }
	f.suffer(limit(4096), limit(anySize), "file too large")
	if n := f.refreshesWhileFull; n != 0 {
		t.Errorf("%d refresh requests while nothing could be saved", n)
	}
	if code := in.end(syscall.SIGTERM); code != exitOK {
		t.Errorf("stopped with %d", code)
	}
}

// The state directory is a small disk of its own, which fills up.
func TestDiskFull(t *testing.T) {
	t.Parallel() // it waits more than it works
	in := install(t, simulator.NewFirm(), rotating, nil)
	in.serveOnSmallDisk()
	f := newFullDisk(in)
	filler := fmt.Sprintf("/proc/%d/root%s", in.cmd.Process.Pid, filepath.Join(in.dir, "state", "filler"))
	fill := func() {
		if err := fillDisk(filler); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("filling the disk: %v", err)
		}
	}
	free := func() {
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
	}
	f.suffer(fill, free, "no space left on device")
	if code := in.end(syscall.SIGTERM); code != exitOK {
		t.Errorf("stopped with %d", code)
	}
}

func rotating(o *simulator.Options) { o.Rotation = true }

// fullDisk is what agents see of a daemon that cannot write.
type fullDisk struct {
	*killer
	other *visitor // of an agent who has yet to pair
	sc    *screen

	refreshesWhileFull int
}

func newFullDisk(in *installation) *fullDisk {
	me, late := in.firm().Agents[0], in.firm().Agents[1]
	f := &fullDisk{killer: &killer{installation: in, me: me}, other: in.join(late.Extension)}
	f.v = in.join(me.Extension)
	f.v.pair(in.smokeball(), me.Email)
	f.sc = f.v.open()
	return f
}

// suffer goes through a full disk: how it is noticed, what goes on, what must
// not happen, and the end of it.
func (f *fullDisk) suffer(fill, free func(), why string) {
	t := f.t
	t.Helper()
	if !f.pops("before", 0) {
		t.Fatal("no pop before anything is wrong")
	}
	fill()
	f.await(func() bool { status, _ := f.ready(); return status == http.StatusServiceUnavailable })
	if _, said := f.ready(); !strings.Contains(said, `"part":"store"`) || !strings.Contains(said, why) {
		t.Errorf("readyz says %s, want the store and %q", said, why)
	}
	if !f.pops("full", 1) {
		t.Error("calls do not pop any more, though there is a token")
	}

	// The token is refused from now on, so that each look-up wants a new one.
	f.smokeball().Forget()
	f.smokeball().ExpireAccess(f.me.Email)
	for i := range 3 {
		f.pops(fmt.Sprint("refused-", i), 2+i)
	}
	f.refreshesWhileFull = f.refreshes()
	if saved := f.metric(`smokepop_token_refresh_total{outcome="refreshed"}`); saved != fmt.Sprint(f.refreshesWhileFull) {
		t.Errorf("%d tokens were asked for and %s saved: the others may be lost", f.refreshesWhileFull, saved)
	}

	f.pairingOnAFullDisk()

	free()
	f.await(func() bool { status, _ := f.ready(); return status == http.StatusOK })
	if !f.pops("afterwards", 5) {
		t.Error("there is space again and the next call does not pop")
	}
	if n := f.refreshes(); n > 1 || n < f.refreshesWhileFull {
		t.Errorf("%d refresh requests in all", n)
	}
	f.other.pair(f.smokeball(), f.firm().Agents[1].Email)
	for _, g := range f.smokeball().Grants() {
		if g.Reused {
			t.Errorf("a refresh token was sent twice: %+v", g)
		}
	}
}

// pairingOnAFullDisk pairs the agent who is not paired: either it is saved, or
// a sentence says that it is not.
func (f *fullDisk) pairingOnAFullDisk() {
	f.t.Helper()
	path := f.other.callback(f.smokeball(), f.firm().Agents[1].Email)
	res, body := f.other.request(http.MethodGet, path, "", func(r *http.Request) { r.Header.Del("Origin") })
	_, me := f.other.request(http.MethodGet, "/api/me", "")
	state := dig(oneDocument(f.t, me), "pairing", "state")
	saved := res.StatusCode == http.StatusOK && state == "paired"
	told := res.StatusCode == http.StatusBadGateway && strings.Contains(body, "the pairing could not be saved here") && state == "unpaired"
	if !saved && !told || told == (f.refreshesWhileFull > 0) {
		f.t.Errorf("pairing: %s, the agent is %v\n%s", res.Status, state, body)
	}
	f.t.Logf("pairing on the full disk: %s", res.Status)
}

// pops lets a caller ring and hang up, and tells whether there was a pop. Each
// caller has another number, that no earlier answer is of use for.
func (f *fullDisk) pops(id string, caller int) bool {
	f.t.Helper()
	f.ring(event{"event": "ringing", "call_id": id, "from": f.firm().Callers[caller].E164(), "to": f.me.Extension})
	verdict := f.lookedUp(id)
	if verdict == "matched" {
		f.frame("pop")
	}
	f.ring(event{"event": "terminated", "call_id": id})
	if verdict == "matched" {
		f.frame("end")
	} else {
		f.frame("past")
	}
	return verdict == "matched"
}

// frame reads on to a frame of a kind.
func (f *fullDisk) frame(kind string) {
	f.t.Helper()
	for f.sc.read()["type"] != kind {
	}
}

// lookedUp waits until the look-up of a call has come to something, and returns
// what that is.
func (f *fullDisk) lookedUp(id string) (verdict any) {
	f.t.Helper()
	f.await(func() bool {
		for _, e := range f.document("trace", "--call", id)["entries"].([]any) {
			if dig(e, "step") == "lookup" {
				verdict = dig(e, "verdict")
			}
		}
		return verdict != nil
	})
	return verdict
}

// ready asks /readyz.
func (f *fullDisk) ready() (status int, said string) {
	res, err := plainClient.Get("http://" + f.ops + "/readyz")
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func (f *fullDisk) metric(name string) string {
	f.t.Helper()
	res, err := plainClient.Get("http://" + f.ops + "/metrics")
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// refreshes counts the requests that sent a refresh token.
func (f *fullDisk) refreshes() (n int) {
	for _, r := range f.smokeball().Requests(simulator.TokenEndpoint) {
		if r.Form.Get("grant_type") == "refresh_token" {
			n++
		}
	}
	return n
}

// fillDisk writes until no byte more goes in.
func fillDisk(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for size := 1 << 16; ; size /= 2 {
		for err == nil {
			_, err = f.Write(make([]byte, max(size, 1)))
		}
		if size == 0 || !errors.Is(err, syscall.ENOSPC) {
			return err
		}
		err = nil
	}
}

const anySize = ^uint64(0)

// limitFileSize sets the soft limit of a running process.
func limitFileSize(t testing.TB, pid int, soft uint64) {
	t.Helper()
	limit := syscall.Rlimit{Cur: soft, Max: anySize}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		t.Fatalf("prlimit: %v", errno)
	}
}

// serveOnSmallDisk is serve with a tmpfs of 1 MiB as the state directory, in a
// mount namespace of the daemon's own.
func (in *installation) serveOnSmallDisk() {
	in.t.Helper()
	state := filepath.Join(in.dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		in.t.Fatal(err)
	}
	const mount = `mount -t tmpfs -o size=1m,mode=0700 smokepop "$1" && shift && exec "$@"`
	if out, err := exec.CommandContext(in.t.Context(), "unshare", "-rm", "sh", "-c", mount, "sh", state, "true").CombinedOutput(); err != nil {
		in.t.Skipf("SKIPPED: no tmpfs can be mounted here (no user namespaces, as in some containers): %v %s", err, out)
	}
	socket := filepath.Join(in.dir, "notify.sock")
	notify, err := new(net.ListenConfig).ListenPacket(in.t.Context(), "unixgram", socket)
	if err != nil {
		in.t.Fatal(err)
	}
	defer notify.Close()
	daemon := smokepopd(in.t, "serve", "--config", in.file)
	args := append([]string{"-rm", "sh", "-c", mount, "sh", state}, daemon.Args...)
	in.cmd = exec.Command("unshare", args...)
	in.cmd.Env, in.cmd.Stderr = append(os.Environ(), "NOTIFY_SOCKET="+socket), in.stderr
	if err := in.cmd.Start(); err != nil {
		in.t.Fatal(err)
	}
	cmd, late := in.cmd, time.AfterFunc(2*time.Minute, func() { _ = in.cmd.Process.Kill() })
	in.t.Cleanup(func() {
		late.Stop()
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	if got := receive(in.t, notify); got != "READY=1" {
		in.t.Fatalf("the daemon's first word is %q", got)
	}
}
