package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/smokepop/smokepop/internal/process"
)

const (
	// demoRest is how long what was killed stays away: long enough to see how the
	// others go on.
	demoRest = 15 * time.Second
	// demoStop is how long a program may take to stop in order.
	demoStop = 20 * time.Second
)

// demoProgram is a program that runs beside the demo and ends with it.
type demoProgram struct {
	title string
	path  string
	args  []string
	log   io.Writer
	ready func(context.Context) bool // whether it does its work

	pid  atomic.Int64
	once atomic.Bool // it was ready once
}

// run keeps the program running until ctx ends, and then stops it in order. One
// that ends by itself is started again, as systemd does, if it was ready once.
func (p *demoProgram) run(ctx context.Context, out io.Writer) error {
	// On Linux a child dies with the thread that started it: this one lives as long.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for again := false; ; again = true {
		cmd := exec.CommandContext(ctx, p.path, p.args...)
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		cmd.WaitDelay = demoStop
		cmd.Stdout, cmd.Stderr = p.log, p.log
		cmd.SysProcAttr = process.Attributes()
		if err := cmd.Start(); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("start %s: %w", p.title, err)
		}
		p.pid.Store(int64(cmd.Process.Pid))
		if again {
			fmt.Fprintf(out, "%s %s is process %d now\n", time.Now().Format(time.TimeOnly), p.title, cmd.Process.Pid)
		}
		err := cmd.Wait()
		switch {
		case ctx.Err() != nil:
			return nil
		case !p.once.Load():
			return fmt.Errorf("%s has ended before it was ready: %w", p.title, err)
		}
		fmt.Fprintf(out, "%s %s, process %d, has ended (%v); it is started again after %v\n",
			time.Now().Format(time.TimeOnly), p.title, cmd.Process.Pid, cmd.ProcessState, demoRest)
		select {
		case <-time.After(demoRest):
		case <-ctx.Done():
			return nil
		}
	}
}

// await waits until the program does its work.
func (p *demoProgram) await(ctx context.Context) error {
	for !p.ready(ctx) {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.once.Store(true)
	return nil
}
