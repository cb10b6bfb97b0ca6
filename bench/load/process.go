package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience is how long anything may take before the bench gives up.
const patience = time.Minute

// process is a program under test, in a process of its own.
type process struct {
	cmd   *exec.Cmd
	first string        // the first line it printed, where it was waited for
	took  time.Duration // from its start until it was ready
	// beside are the process numbers of programs that do a part of its work.
	beside []int
}

// startPrinting starts a program that prints one line when it is ready.
func startPrinting(env []string, path string, args ...string) (*process, error) {
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: cmd}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(path), err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s ended before it was ready: %w", filepath.Base(path), err), p.stop())
	}
	p.first, p.took = strings.TrimSpace(line), time.Since(began)
	return p, nil
}

// startNotifying starts a program that tells systemd when it is ready. What it
// logs goes into a file in dir.
func startNotifying(dir string, env []string, path string, args ...string) (*process, error) {
	socket := filepath.Join(dir, "notify.sock")
	notify, err := new(net.ListenConfig).ListenPacket(context.Background(), "unixgram", socket)
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = notify.Close()
		_ = os.Remove(socket)
	}()
	cmd := exec.Command(path, args...)
	journal, err := os.OpenFile(filepath.Join(dir, filepath.Base(path)+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer journal.Close() // the program has its own
	cmd.Stderr = journal
	cmd.Env = append(append(os.Environ(), env...), "NOTIFY_SOCKET="+socket)
	p := &process{cmd: cmd}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(path), err)
	}
	_ = notify.SetReadDeadline(began.Add(patience))
	b := make([]byte, 4096)
	n, _, err := notify.ReadFrom(b)
	p.took = time.Since(began)
	if err == nil && string(b[:n]) != "READY=1" {
		err = fmt.Errorf("its first word is %q", b[:n])
	}
	if err != nil {
		log, _ := os.ReadFile(journal.Name())
		return nil, errors.Join(fmt.Errorf("%s did not say that it is ready: %w\n%s", filepath.Base(path), err, log[max(0, len(log)-4096):]), p.stop())
	}
	return p, nil
}

// stop ends the program and waits for its end. Who does not end when asked is
// killed.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(patience/2, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return err
	}
	return nil
}

// cpu returns the processor time the program has used, with those beside it.
func (p *process) cpu() (sum time.Duration, err error) {
	for _, pid := range append([]int{p.cmd.Process.Pid}, p.beside...) {
		used, err := cpuOf(pid)
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// cpuOf is the scheduler's own count, in nanoseconds, over all threads of a
// process; Go's runtime never ends those.
func cpuOf(pid int) (time.Duration, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, t := range tasks {
		b, err := os.ReadFile(t)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue
		}
		if err != nil {
			return 0, err
		}
		ran, _, _ := strings.Cut(string(b), " ")
		n, err := strconv.ParseInt(ran, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n)
	}
	if sum == 0 {
		return 0, errors.New("the kernel does not tell how long a process has run (/proc/PID/task/*/schedstat)")
	}
	return sum, nil
}

// childrensCPU returns the processor time of children that have ended, to ten
// milliseconds.
func (p *process) childrensCPU() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(b), ") ") // behind the name, which may hold anything
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return 0, errors.New("/proc/PID/stat is cut short")
	}
	user, err := strconv.Atoi(fields[13])
	system, err2 := strconv.Atoi(fields[14])
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err, err2)
}

// resident returns the program's resident memory in bytes.
func (p *process) resident() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}
