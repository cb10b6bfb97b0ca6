package crashtest

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// sector is what a disk writes whole or not at all.
const sector = 512

// Model is how much a crash may take.
type Model struct {
	// IgnoreSyncs plays a disk on which no sync helps: the control, in which
	// tokens have to be lost. The last Reach operations are at stake then, 0
	// for all.
	IgnoreSyncs bool
	Reach       int
}

// Image is the content of files by their path.
type Image map[string][]byte

// Crash returns what may be there when the power goes at a place in the trace:
// what a sync covers is, of the rest what chance leaves. taken is the number of
// operations that are not there, or not whole.
func (l *Log) Crash(chance *rand.Rand, cut int, m Model) (image Image, taken int) {
	ops := l.before(cut)
	syncs, dirSyncs := lastSyncs(ops, cut)
	// Each image has its own luck: all of what is unsafe is there, or none, or
	// anything between.
	keep := []float64{0, .2, .5, .8, 1}[chance.IntN(5)]
	tear := []float64{0, .3, 1}[chance.IntN(3)]

	files, names := map[int][]byte{}, map[string]int{}
	for i, op := range ops {
		safe := op.End < syncs[op.File]
		if op.Kind == Name || op.Kind == Unname {
			safe = op.End < dirSyncs[filepath.Dir(op.Path)]
		}
		if m.IgnoreSyncs {
			safe = m.Reach > 0 && i < len(ops)-m.Reach
		}
		torn := !safe && op.Kind == Write && chance.Float64() < tear
		lost := !safe && !torn && chance.Float64() >= keep
		if op.changes() && (lost || torn) {
			taken++
		}
		if lost {
			continue
		}
		switch op.Kind {
		case Write:
			files[op.File] = write(files[op.File], op, func() bool { return !torn || chance.Float64() < .5 })
		case Truncate:
			files[op.File] = resize(files[op.File], int(op.Offset))
		case Name:
			names[op.Path] = op.File
			delete(names, op.From)
		case Unname:
			delete(names, op.Path)
		}
	}
	image = Image{}
	for path, file := range names {
		image[path] = files[file]
	}
	return image, taken
}

func (o Op) changes() bool { return o.Kind != Sync && o.Kind != SyncDir && o.Kind != Say }

// before returns the operations that had begun at a place.
func (l *Log) before(cut int) []Op {
	n := 0
	for n < len(l.Ops) && l.Ops[n].Begin < cut {
		n++
	}
	return l.Ops[:n]
}

// lastSyncs returns for each file and directory when the last sync began that
// had ended at the cut. What returned before that is covered by it.
func lastSyncs(ops []Op, cut int) (files map[int]int, dirs map[string]int) {
	files, dirs = map[int]int{}, map[string]int{}
	for _, op := range ops {
		switch {
		case op.End >= cut:
		case op.Kind == Sync:
			files[op.File] = max(files[op.File], op.Begin)
		case op.Kind == SyncDir:
			dirs[op.Path] = max(dirs[op.Path], op.Begin)
		}
	}
	return files, dirs
}

// write puts those of a write's sectors into the file that are kept.
func write(file []byte, op Op, kept func() bool) []byte {
	at, end := int(op.Offset), int(op.Offset)+len(op.Data)
	for at < end {
		next := min(end, (at/sector+1)*sector)
		if kept() {
			if next > len(file) {
				file = resize(file, next)
			}
			copy(file[at:next], op.Data[at-int(op.Offset):])
		}
		at = next
	}
	return file
}

func resize(file []byte, size int) []byte {
	if size <= len(file) {
		return file[:size:size]
	}
	return append(file, make([]byte, size-len(file))...)
}

// Lay writes the image's files, of which each path begins with from, below to.
// The directories have to be there.
func (i Image) Lay(from, to string) error {
	for path, data := range i {
		if err := os.WriteFile(filepath.Join(to, strings.TrimPrefix(path, from)), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}
