package main

import (
	"errors"
	"os"
	"path/filepath"
	"time"
)

// start is how long the daemon takes until it is ready, in an office of its own
// with 10,000 sealed records: 5,000 agents have a pairing and a session each.
func start(b *bench) (rows []row, err error) {
	o, err := b.install(filepath.Join(b.bin, "smokepopd"), b.size(5000, 50))
	if err != nil {
		return nil, err
	}
	var took, used []float64
	for range b.few(9) {
		s, err := o.serve()
		if err != nil {
			return nil, err
		}
		own, err := s.p.cpu()
		childs, err2 := s.p.childrensCPU()
		if err := errors.Join(err, err2); err != nil {
			return nil, errors.Join(err, s.stop())
		}
		took, used = append(took, milliseconds(s.p.took)), append(used, milliseconds(own+childs))
		if err := s.stop(); err != nil {
			return nil, err
		}
	}
	const name = "start with 10,000 sealed records"
	return []row{
		single(name, "until READY", "ms", took, atMost(150)),
		single(name, "CPU until then, of the daemon and of the child that checks the database", "ms", used, nil),
	}, nil
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
	time.Sleep(time.Duration(b.size(6000, 100)) * time.Millisecond) // the start is over, and what it left is collected
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
