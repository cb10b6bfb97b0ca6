package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// profileFor is how long the processor is watched.
const profileFor = 25 * time.Second

// profile, once there is an office, begins to take profiles of smokepop, if that was asked for, and returns
// what waits for them. Go's own /debug/pprof names them.
func (b *bench) profile() (finish func()) {
	if b.profiles == "" {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.fetchProfile("profile", fmt.Sprintf("?seconds=%d", int(profileFor.Seconds())))
	}()
	return func() {
		<-done
		for _, kind := range []string{"allocs", "heap", "block", "mutex", "goroutine"} {
			b.fetchProfile(kind, "")
		}
	}
}

// fetchProfile says on the output what did not work: profiles are for somebody
// who watches.
func (b *bench) fetchProfile(kind, query string) {
	res, err := http.Get("http://" + b.office.profiles + "/debug/pprof/" + kind + query)
	if err != nil {
		fmt.Fprintf(b.out, "no profile: %v\n", err)
		return
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		fmt.Fprintf(b.out, "no profile: %s\n", res.Status)
		return
	}
	f, err := os.Create(filepath.Join(b.profiles, b.current+"."+kind+".pb.gz"))
	if err == nil {
		_, err = io.Copy(f, res.Body)
		_ = f.Close()
	}
	if err != nil {
		fmt.Fprintf(b.out, "no profile: %v\n", err)
	}
}
