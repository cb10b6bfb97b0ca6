package main

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/smokepop/smokepop/internal/process"
)

// demoRest is how long what was killed stays away: long enough to see how the
// others go on.
const demoRest = 15 * time.Second

// demoProgram is a program that runs beside the demo and ends with it.
type demoProgram struct {
	*process.Program
	ready func(context.Context) bool // whether it does its work

	once atomic.Bool // it was ready once
}

// keep keeps the program running, which was started, until ctx ends, and then
// stops it in order. One that ends by itself is started again, as systemd does,
// if it was ready once.
func (p *demoProgram) keep(ctx context.Context, out io.Writer) error {
	for {
		pid := p.PID()
		select {
		case <-p.Ended():
		case <-ctx.Done():
			return p.Stop()
		}
		if ctx.Err() != nil {
			return nil
		}
		if !p.once.Load() {
			return fmt.Errorf("%s has ended before it was ready: %s", p.Name, p.End())
		}
		fmt.Fprintf(out, "%s %s, process %d, has ended (%s); it is started again after %v\n", time.Now().Format(time.TimeOnly), p.Name, pid, p.End(), demoRest)
		select {
		case <-time.After(demoRest):
		case <-ctx.Done():
			return nil
		}
		if err := p.Start(); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s %s is process %d now\n", time.Now().Format(time.TimeOnly), p.Name, p.PID())
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
