package crashtest

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// Kind is what an [Op] does.
type Kind int

// The kinds of an Op.
const (
	Write    Kind = iota // of Data at Offset of File
	Truncate             // of File to Offset bytes
	Sync                 // of File, data and size
	Name                 // Path is File from now on; From, where it is set, is no more
	Unname               // Path is no more
	SyncDir              // of the directory Path
	Say                  // Data on standard output: the run's own clock
)

// Op is one thing a run has done. Begin and End are places in the trace: the
// call's entry and its return. A call that has not returned has an End after
// everything.
type Op struct {
	Kind       Kind
	File       int // a number for each file there ever was
	Path, From string
	Offset     int64
	Data       []byte
	Begin, End int
}

// Log is what a run did to the files below some directories, in order.
type Log struct {
	Ops []Op
	// Length is the number of places in the trace.
	Length int
}

// errUnplayed: the run has done something that no image is made of.
var errUnplayed = errors.New("a system call that is not played")

// ReadLog reads the trace of a run that began with the directories dirs empty.
// Paths in the Log are as in the trace. Files elsewhere are left out.
func ReadLog(trace io.Reader, dirs ...string) (*Log, error) {
	calls, err := readTrace(trace)
	if err != nil {
		return nil, err
	}
	p := &play{dirs: dirs, names: map[string]int{}, open: map[int64]*description{}}
	for _, s := range inOrder(calls) {
		if err := p.step(s.call, s.returned); err != nil {
			return nil, fmt.Errorf("%s at line %d: %w", s.call.name, s.call.begin+1, err)
		}
		p.log.Length = max(p.log.Length, s.call.begin+1)
	}
	slices.SortStableFunc(p.log.Ops, func(a, b Op) int { return a.Begin - b.Begin })
	return &p.log, nil
}

// moment is the entry or the return of a call.
type moment struct {
	call     syscall
	returned bool
	at       int
}

func inOrder(calls []syscall) []moment {
	var all []moment
	for _, c := range calls {
		all = append(all, moment{c, false, c.begin})
		if c.end != never {
			all = append(all, moment{c, true, c.end})
		}
	}
	slices.SortStableFunc(all, func(a, b moment) int { return a.at - b.at })
	return all
}

// description is an open file or directory below the directories.
type description struct {
	dir      string // of a directory, its path
	file     int
	position int64
	append   bool
}

// play follows names and descriptors while the trace goes by.
type play struct {
	dirs  []string
	files int
	sizes []int64
	names map[string]int
	open  map[int64]*description
	log   Log
}

func (p *play) add(c syscall, op Op) {
	op.Begin, op.End = c.begin, c.end
	p.log.Ops = append(p.log.Ops, op)
}

func (p *play) inside(path string) bool {
	return slices.Contains(p.dirs, filepath.Dir(path)) || slices.ContainsFunc(p.dirs, func(d string) bool { return strings.HasPrefix(path, d+"/") })
}

// step plays one moment. Descriptors are given back at the entry of close, for
// another thread may get the number before close has returned; everything else
// is known at the return. Calls that have not returned are played at their
// entry when they write: some of it may have been done.
func (p *play) step(c syscall, returned bool) error {
	cut := c.end == never
	switch c.name {
	case "close":
		if fd, err := c.number(0); err == nil && !returned {
			delete(p.open, fd)
		}
		return nil
	case "write", "pwrite64", "ftruncate", "fsync", "fdatasync":
		if returned != cut { // at the return, or at the entry of one without
			return p.content(c, cut)
		}
		return nil
	}
	if !returned {
		if cut && p.concerns(c) {
			return fmt.Errorf("%w: it has not returned", errUnplayed)
		}
		return nil
	}
	if c.result < 0 {
		return nil
	}
	switch c.name {
	case "open", "openat", "creat":
		return p.openFile(c)
	case "dup", "dup2", "dup3":
		return p.dup(c)
	case "fcntl":
		if strings.HasPrefix(c.args[1], "F_DUPFD") {
			return p.dup(c)
		}
		return nil
	case "lseek":
		if d := p.of(c, 0); d != nil {
			d.position = c.result
		}
		return nil
	case "mmap":
		return p.mapped(c)
	case "rename", "renameat", "renameat2", "link", "linkat":
		return p.name(c)
	case "unlink", "unlinkat":
		return p.unname(c)
	}
	if p.concerns(c) {
		return errUnplayed
	}
	return nil
}

// of returns what is open at the descriptor that is argument i, nil when that
// is none of ours.
func (p *play) of(c syscall, i int) *description {
	fd, err := c.number(i)
	if err != nil {
		return nil
	}
	return p.open[fd]
}

// concerns tells whether a call has one of our descriptors or paths.
func (p *play) concerns(c syscall) bool {
	for i := range c.args {
		if i < 2 && p.of(c, i) != nil {
			return true
		}
		if text, err := c.text(i); err == nil && p.inside(string(text)) {
			return true
		}
	}
	return false
}

// mapped sees to it that no file is written through memory. bbolt maps its file
// with PROT_READ alone (bolt_unix.go) and writes with pwrite: this holds it to
// that, for stores into memory are not in a trace.
func (p *play) mapped(c syscall) error {
	if p.of(c, 4) != nil && strings.Contains(c.args[2], "PROT_WRITE") && strings.Contains(c.args[3], "MAP_SHARED") {
		return fmt.Errorf("%w: a file is mapped for writing", errUnplayed)
	}
	return nil
}
