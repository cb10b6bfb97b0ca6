package main

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// demoFront is the one address of several nodes: it takes each connection to a
// node that is there, by turns.
type demoFront struct {
	listener net.Listener
	nodes    []string
}

// serve serves until ctx ends, with the connections that are open then.
func (f *demoFront) serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = f.listener.Close() })
	defer stop()
	var open sync.WaitGroup
	defer open.Wait()
	for turn := 0; ; turn++ {
		conn, err := f.listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		open.Go(func() { f.carry(ctx, conn, turn) })
	}
}

func (f *demoFront) carry(ctx context.Context, in net.Conn, turn int) {
	defer in.Close()
	dialer := net.Dialer{Timeout: time.Second}
	for i := range f.nodes {
		out, err := dialer.DialContext(ctx, "tcp", f.nodes[(turn+i)%len(f.nodes)])
		if err != nil {
			continue // the next, then
		}
		end := func() { _, _ = in.Close(), out.Close() }
		stop := context.AfterFunc(ctx, end)
		defer stop()
		var there sync.WaitGroup
		there.Go(func() { defer end(); _, _ = io.Copy(out, in) })
		_, _ = io.Copy(in, out)
		end()
		there.Wait()
		return
	}
}
