package chaos

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program is one that is started, killed and started again. What it prints goes
// into a file.
type program struct {
	name, path, log string
	args            []string
	ready           func() bool

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan error // gets the outcome when the program has ended
	again int        // how often it had to be started again to be ready
}

// start starts the program and waits until it is ready. One that ends before is
// started again, as systemd does.
func (p *program) start() error {
	end := time.Now().Add(patience)
	for {
		if err := p.launch(); err != nil {
			return err
		}
		for waits := true; waits; {
			select {
			case err := <-p.ended:
				p.ended <- err
				waits = false
			case <-time.After(20 * time.Millisecond):
				if p.ready() {
					return nil
				}
			}
			if time.Now().After(end) {
				return fmt.Errorf("%s is not ready %v after its start:\n%s", p.name, patience, p.tail())
			}
		}
		p.again++
		time.Sleep(100 * time.Millisecond)
	}
}

func (p *program) launch() error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() // the program has its own
	cmd := exec.Command(p.path, p.args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "SMOKEPOP_") })
	cmd.SysProcAttr = dieWithUs()
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd, p.ended = cmd, ended
	return nil
}

func (p *program) signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return nil
	}
	return p.cmd.Process.Signal(sig)
}

// end ends the program with a signal and waits for its end.
func (p *program) end(sig syscall.Signal) error {
	p.mu.Lock()
	cmd, ended := p.cmd, p.ended
	p.cmd = nil
	p.mu.Unlock()
	if cmd == nil {
		return nil
	}
	_ = cmd.Process.Signal(sig) // it may have ended already, which is told below
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	outcome := <-ended
	if !late.Stop() {
		return fmt.Errorf("%s does not end within %v:\n%s", p.name, patience, p.tail())
	}
	var exit *exec.ExitError
	if errors.As(outcome, &exit) && exit.ExitCode() > 0 {
		return fmt.Errorf("%s ends with %d:\n%s", p.name, exit.ExitCode(), p.tail())
	}
	return nil
}

func (p *program) tail() string {
	b, _ := os.ReadFile(p.log)
	return string(b[max(0, len(b)-4096):])
}

// build builds a program of this module or of one that it needs.
func build(t *testing.T, dir, name, pkg string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	cmd := exec.Command("go", "build", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return path
}

// ports gives out ports below those that outgoing connections take, each once:
// one of a program that is down is not taken by another.
type ports struct{ next int }

func (p *ports) address(t *testing.T) string {
	t.Helper()
	if p.next == 0 {
		p.next = 12_000 + os.Getpid()%8000
	}
	for ; p.next < 32_000; p.next++ {
		address := "127.0.0.1:" + strconv.Itoa(p.next)
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			p.next++
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}
