package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// patience is how long a program may take to end when it is asked to.
const patience = 30 * time.Second

// Program is a program that runs at most once at a time. Its fields are not
// changed; its methods may be called at the same time.
type Program struct {
	Name string // in errors
	Path string
	Args []string
	Env  []string // beside this process's own
	Log  string   // the file that gets all that it prints; it grows over restarts
	Out  *os.File // gets it instead, where there is no Log

	mu  sync.Mutex
	run *run
}

// run is one life of a program.
type run struct {
	process *os.Process
	ended   chan struct{}
	err     error            // how it ended, once ended is closed
	state   *os.ProcessState // and in the system's words
}

// Start starts the program, which does not run at the moment.
func (p *Program) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run.alive() {
		return fmt.Errorf("%s runs already", p.Name)
	}
	log := p.Out
	if p.Log != "" {
		var err error
		if log, err = os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return fmt.Errorf("start %s: %w", p.Name, err)
		}
		defer log.Close() // the program has its own
	}
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Env = append(os.Environ(), p.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = attributes()
	r := &run{ended: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// A child dies with the thread that started it: this one lives as long.
		runtime.LockOSThread()
		defer close(r.ended)
		err := cmd.Start()
		r.process = cmd.Process
		started <- err
		if err == nil {
			r.err, r.state = cmd.Wait(), cmd.ProcessState
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	p.run = r
	return nil
}

func (r *run) alive() bool {
	if r == nil {
		return false
	}
	select {
	case <-r.ended:
		return false
	default:
		return true
	}
}

func (p *Program) current() *run {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.run
}

// PID returns the process's number, 0 while the program does not run.
func (p *Program) PID() int {
	if r := p.current(); r.alive() {
		return r.process.Pid
	}
	return 0
}

// Ended is closed when the program, which has been started, ends.
func (p *Program) Ended() <-chan struct{} { return p.current().ended }

// End tells how the program ended that has, such as "exit status 1" or "signal:
// killed".
func (p *Program) End() string {
	r := p.current()
	<-r.ended
	return r.state.String()
}

// Signal sends the program a signal. It is no error when the program has ended.
func (p *Program) Signal(sig os.Signal) error {
	r := p.current()
	if !r.alive() {
		return nil
	}
	if err := r.process.Signal(sig); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Kill ends the program without a word to it, and waits until it is gone.
func (p *Program) Kill() error {
	r := p.current()
	if !r.alive() {
		return nil
	}
	err := p.Signal(os.Kill)
	<-r.ended
	return err
}

// Stop asks the program to end and waits for it. An exit code, or an end that
// takes half a minute, is an error that shows the last of what it has printed.
func (p *Program) Stop() error {
	r := p.current()
	if !r.alive() {
		return nil
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-r.ended:
	case <-time.After(patience):
		return errors.Join(fmt.Errorf("%s does not end within %v:\n%s", p.Name, patience, p.Tail()), p.Kill())
	}
	var exit *exec.ExitError
	if errors.As(r.err, &exit) && exit.ExitCode() > 0 {
		return fmt.Errorf("%s ended with %d:\n%s", p.Name, exit.ExitCode(), p.Tail())
	}
	return nil
}

// Tail returns the last 4 kB of what the program has printed.
func (p *Program) Tail() string {
	b, _ := os.ReadFile(p.Log)
	return string(b[max(0, len(b)-4096):])
}
