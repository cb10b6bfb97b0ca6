package main

import (
	"errors"
	"os"
	"path/filepath"
	"time"
)

// start is how long the daemon takes until it is ready, with the records of so
// many agents: each has a pairing and a session.
func start(b *bench) (rows []row, err error) {
	if _, err := b.installed(); err != nil {
		return nil, err
	}
	var took []float64
	for range b.few(9) {
		s, err := b.smokepop()
		if err != nil {
			return nil, err
		}
		took = append(took, milliseconds(s.p.took))
		if err := s.stop(); err != nil {
			return nil, err
		}
	}
	return []row{single("start, 10,000 sealed pairings and as many sessions", "until READY", "ms", took, atMost(150))}, nil
}

// size is the binary's.
func size(b *bench) ([]row, error) {
	info, err := os.Stat(filepath.Join(b.bin, "smokepopd"))
	if err != nil {
		return nil, err
	}
	return []row{single("binary", "size", "MB", []float64{float64(info.Size()) / 1e6}, atMost(30))}, nil
}

// idle is what the servers use while nothing happens at all.
func idle(b *bench) (rows []row, err error) {
	s, err := b.smokepop()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	base, err := startBaseline(filepath.Join(b.bin, "bench-baseline"), 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, base.stop()) }()
	var used [2][]float64
	time.Sleep(time.Duration(b.size(1000, 100)) * time.Millisecond) // the start is over
	for range b.few(5) {
		var before [2]time.Duration
		for i, p := range []*process{s.p, base.p} {
			if before[i], err = p.cpu(); err != nil {
				return nil, err
			}
		}
		began := time.Now()
		time.Sleep(time.Duration(b.size(2000, 200)) * time.Millisecond)
		for i, p := range []*process{s.p, base.p} {
			after, err := p.cpu()
			if err != nil {
				return nil, err
			}
			used[i] = append(used[i], float64(after-before[i])/float64(time.Since(began))*100)
		}
	}
	return []row{single("idle", "CPU, of one processor", "%", used[0], atMost(.1)), single("idle", "CPU of the baseline", "%", used[1], nil)}, nil
}
