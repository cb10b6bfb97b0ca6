package main

import (
	"bufio"
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/simulator"
)

// demoRun is a demo that runs as a process.
type demoRun struct {
	t            *testing.T
	cmd          *exec.Cmd
	public, temp string
	stderr       bytes.Buffer
	ended        chan struct{} // closed when all it says was read

	mu   sync.Mutex
	said strings.Builder
}

func startDemo(t *testing.T, args ...string) *demoRun {
	t.Helper()
	d := &demoRun{t: t, public: freeAddress(t), temp: t.TempDir(), ended: make(chan struct{})}
	d.cmd = smokepopd(t, append([]string{"demo", "--listen", d.public}, args...)...)
	d.cmd.Env = append(os.Environ(), "TMPDIR="+d.temp)
	d.cmd.Stderr = &d.stderr
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // it has to be read on, or the demo would wait
		defer close(d.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			d.mu.Lock()
			d.said.WriteString(lines.Text() + "\n")
			d.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		if d.cmd.ProcessState == nil {
			_ = d.cmd.Process.Kill()
			<-d.ended
			_ = d.cmd.Wait()
		}
		if t.Failed() {
			t.Logf("the demo said:\n%s%s", d.said.String(), d.stderr.String())
		}
	})
	return d
}

// line waits until the demo says something and returns its part in brackets.
func (d *demoRun) line(pattern string) string {
	d.t.Helper()
	wanted := regexp.MustCompile(pattern)
	for end := time.Now().Add(waitAtMost); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		d.mu.Lock()
		m := wanted.FindStringSubmatch(d.said.String())
		d.mu.Unlock()
		if m != nil {
			return m[1]
		}
		select {
		case <-d.ended:
			d.t.Fatalf("the demo has ended and never said %s", pattern)
		default:
		}
	}
	d.t.Fatalf("the demo does not say %s", pattern)
	return ""
}

// pair pairs the first firm's first agent, at the simulated Smokeball by its own
// form.
func (d *demoRun) pair(v *visitor) {
	d.t.Helper()
	login := v.beginPairing()
	form := "user=" + simulator.NewFirm().Staff[0].ID
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, login, strings.NewReader(form))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := plainClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	_ = res.Body.Close()
	v.finishPairing(strings.TrimPrefix(res.Header.Get("Location"), v.public))
}

// stop stops the demo as Ctrl-C does, and looks meanwhile at what else has to
// happen. It leaves nothing behind.
func (d *demoRun) stop(meanwhile func()) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		d.t.Fatal(err)
	}
	meanwhile()
	<-d.ended
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("the demo ended with %v", err)
	}
	if left, err := os.ReadDir(d.temp); err != nil || len(left) != 0 {
		d.t.Errorf("the demo left %v behind, %v", left, err)
	}
}
