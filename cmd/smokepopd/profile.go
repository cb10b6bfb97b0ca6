//go:build profile

package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"runtime/pprof"
	"time"
)

// profile serves profiles at the address of SMOKEPOP_PPROF, in a binary that is
// built to be measured (`make profile`) and never shipped: stacks and heap hold
// secrets.
func profile(stderr io.Writer) {
	if file, err := os.Create(os.Getenv("SMOKEPOP_START_PROFILE")); err == nil { // of the first five seconds
		if err := pprof.StartCPUProfile(file); err == nil {
			time.AfterFunc(5*time.Second, func() { pprof.StopCPUProfile(); _ = file.Close() })
		}
	}
	address := os.Getenv("SMOKEPOP_PPROF")
	if address == "" {
		return
	}
	runtime.SetMutexProfileFraction(5)
	runtime.SetBlockProfileRate(10_000) // one sample for every 10 µs of waiting
	l, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Fprintf(stderr, "smokepopd: no profiles: %v\n", err)
		return
	}
	go func() { _ = http.Serve(l, nil) }() // as long as the process
}
