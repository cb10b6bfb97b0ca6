package chaos

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/process"
)

// program is one that is started, killed and started again, with what tells that
// it can be used.
type program struct {
	*process.Program
	ready func() bool
}

// start starts the program and waits until it is ready. One that ends before is
// started again, as systemd does.
func (p *program) start() error {
	end := time.Now().Add(patience)
	for {
		if err := p.Start(); err != nil {
			return err
		}
		for waits := true; waits; {
			select {
			case <-p.Ended():
				waits = false
			case <-time.After(20 * time.Millisecond):
				if p.ready() {
					return nil
				}
			}
			if time.Now().After(end) {
				return fmt.Errorf("%s is not ready %v after its start:\n%s", p.Name, patience, p.Tail())
			}
		}
	}
}

// end ends the program with a signal and waits for its end. That it has ended by
// itself before is an error.
func (p *program) end(sig syscall.Signal) error {
	if p.PID() == 0 {
		return fmt.Errorf("%s has ended by itself:\n%s", p.Name, p.Tail())
	}
	if sig == syscall.SIGKILL {
		return p.Kill()
	}
	return p.Stop()
}

// build builds a program of this module or of one that it needs.
func build(t *testing.T, dir, name, pkg string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := process.Build(path, pkg); err != nil {
		t.Fatal(err)
	}
	return path
}

func address(t *testing.T) string {
	t.Helper()
	a, err := process.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return a
}
