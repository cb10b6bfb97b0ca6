package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// listenOutside listens where scripts/guide-test.sh has put the world around
// the newcomer's machine: in a network of its own at the other end of a cable.
// A socket stays in the network it was made in.
func listenOutside(address string, config *tls.Config) (net.Listener, error) {
	type made struct {
		l   net.Listener
		err error
	}
	done := make(chan made)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		l, err := func() (net.Listener, error) {
			outside, err := os.Open("/run/outside")
			if err != nil {
				return nil, err
			}
			defer outside.Close()
			if err := unix.Setns(int(outside.Fd()), unix.CLONE_NEWNET); err != nil {
				return nil, fmt.Errorf("enter the network outside: %w", err)
			}
			return tls.Listen("tcp", address, config)
		}()
		done <- made{l, err}
	}()
	m := <-done
	return m.l, m.err
}
