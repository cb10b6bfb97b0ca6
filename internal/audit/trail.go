package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Trail is where audit lines go: into a file of their own, appended as one JSON
// document a line, or into the log where there is no file. A line that the file
// does not take, because the disk is full say, goes into the log instead, is
// counted and told; whoever did what the line says is not held up by that.
//
// Its methods may be called at once.
type Trail struct {
	log    slog.Handler
	json   slog.Handler // writes to the Trail itself
	tell   *slog.Logger
	losses *prometheus.CounterVec
	stir   chan struct{} // holds one token while there is something to sync

	mu   sync.Mutex
	path string
	file *os.File // nil: the log
	torn bool     // the file ends in the middle of a line
}

// TrailConfig is what a Trail stands on. All of it is required.
type TrailConfig struct {
	// Path is the file's; empty: lines go into the log.
	Path string
	// Log takes the lines that are in no file.
	Log slog.Handler
	// Tell is told when the file fails.
	Tell    *slog.Logger
	Metrics prometheus.Registerer
}

// syncEvery is how long a line waits for the disk at most.
const syncEvery = time.Second

// What the file may fail at; metric labels.
const (
	lostWrite = "write"
	lostSync  = "sync"
)

// OpenTrail opens the file, and makes it, mode 0600, where there is none. The
// error of a file that cannot be used names it. Close gives it back.
func OpenTrail(cfg TrailConfig) (*Trail, error) {
	t := &Trail{log: cfg.Log, tell: cfg.Tell, stir: make(chan struct{}, 1)}
	t.json = slog.NewJSONHandler(writer{t}, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		switch {
		case len(groups) > 0:
		case a.Key == slog.LevelKey:
			return slog.Attr{}
		case a.Key == slog.TimeKey: // lines of summer and winter sort alike
			return slog.Time(a.Key, a.Value.Time().UTC())
		}
		return a
	}})
	t.losses = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "smokepop_audit_lost_total", Help: "Audit lines that audit.file did not take (they are in the log), and syncs of it that failed, by what failed.",
	}, []string{"at"})
	for _, at := range []string{lostWrite, lostSync} {
		t.losses.WithLabelValues(at)
	}
	cfg.Metrics.MustRegister(t.losses)
	put, _, err := t.Prepare(cfg.Path)
	if err != nil {
		return nil, err
	}
	put()
	return t, nil
}

// Prepare opens another file, or the same one again after somebody has moved it
// away. put puts it in the place of the one in use and cannot fail; drop lets go
// of it instead.
func (t *Trail) Prepare(path string) (put, drop func(), err error) {
	var f *os.File
	torn := false
	if path != "" {
		if f, torn, err = open(path); err != nil {
			return nil, nil, err
		}
	}
	put = func() {
		t.mu.Lock()
		old := t.file
		t.path, t.file, t.torn = path, f, torn
		t.mu.Unlock()
		if old != nil {
			t.finish(old)
		}
	}
	drop = func() {
		if f != nil {
			_ = f.Close()
		}
	}
	return put, drop, nil
}

// Reopen opens the file again under the name it has; see [Trail.Prepare]. When it
// cannot be opened, the one in use goes on.
func (t *Trail) Reopen() error {
	t.mu.Lock()
	path := t.path
	t.mu.Unlock()
	put, _, err := t.Prepare(path)
	if err != nil {
		return err
	}
	put()
	return nil
}

// open opens a file to append to it, and tells whether it ends in the middle of
// a line.
func open(path string) (f *os.File, torn bool, err error) {
	// A name that leads elsewhere, or to what is no file, is somebody's trap.
	f, err = os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if errors.Is(err, syscall.ELOOP) {
		return nil, false, fmt.Errorf("%s is a symbolic link: name the file itself", path)
	}
	if err != nil {
		return nil, false, err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	if err := usable(path, info); err != nil {
		return nil, false, err
	}
	if size := info.Size(); size > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, size-1); err != nil {
			return nil, false, err
		}
		torn = last[0] != '\n'
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil { // a name just made is on the disk, too
		_ = dir.Sync()
		_ = dir.Close()
	}
	return f, torn, nil
}

func usable(path string, info os.FileInfo) error {
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return fmt.Errorf("%s is no file", path)
	case mode.Perm()&0o027 != 0:
		return fmt.Errorf("%s has mode %04o, so that others can read it or change it: chmod 0640 %s", path, mode.Perm(), path)
	}
	return nil
}

// CheckFile tells what [OpenTrail] would have against a file, without touching
// it. A file that is not there is fs.ErrNotExist; it would be made.
func CheckFile(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	return usable(path, info)
}

// Handler returns the handler that writes lines: for [NewLog].
func (t *Trail) Handler() slog.Handler { return handler{t, t.json, t.log} }

// Run syncs what is written to the disk, within a second, until ctx ends.
func (t *Trail) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.stir:
		}
		select {
		case <-ctx.Done():
			return nil // Close syncs
		case <-time.After(syncEvery):
		}
		t.sync()
	}
}

func (t *Trail) sync() {
	t.mu.Lock()
	f := t.file
	t.mu.Unlock()
	if f == nil {
		return
	}
	// Without the lock: nobody waits for the disk. The file may be closed
	// meanwhile, and is synced then.
	if err := f.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
		t.failed(lostSync, "what is in audit.file may not be on the disk", err)
	}
}

func (t *Trail) finish(f *os.File) {
	if err := f.Sync(); err != nil {
		t.failed(lostSync, "what is in audit.file may not be on the disk", err)
	}
	_ = f.Close()
}

// Close syncs and closes the file. Lines go into the log from then on.
func (t *Trail) Close() {
	put, _, _ := t.Prepare("")
	put()
}

func (t *Trail) failed(at, words string, err error) {
	t.losses.WithLabelValues(at).Inc()
	t.tell.Error(words, "part", at, "err", err)
}

// errNoFile says that lines go into the log.
var errNoFile = errors.New("there is no audit.file")

// writer is the file in the hands of the JSON handler, which writes a line at
// once.
type writer struct{ t *Trail }

func (w writer) Write(line []byte) (int, error) {
	t := w.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file == nil {
		return 0, errNoFile
	}
	whole := line
	if t.torn { // what is there of the line before stays alone
		whole = append([]byte{'\n'}, line...)
	}
	n, err := t.file.Write(whole)
	if n > 0 {
		t.torn = whole[n-1] != '\n'
	}
	if err == nil && n < len(whole) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return 0, err
	}
	select {
	case t.stir <- struct{}{}:
	default:
	}
	return len(line), nil
}

// handler writes a line to the file, and to the log where the file does not
// take it.
type handler struct {
	t         *Trail
	json, log slog.Handler
}

func (h handler) Enabled(context.Context, slog.Level) bool { return true }

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.t, h.json.WithAttrs(attrs), h.log.WithAttrs(attrs)}
}

func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.t, h.json.WithGroup(name), h.log.WithGroup(name)}
}

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	err := h.json.Handle(ctx, r)
	if err == nil {
		return nil
	}
	if !errors.Is(err, errNoFile) {
		h.t.failed(lostWrite, "audit.file did not take a line, which is in the log instead: make room, or mend the disk", err)
	}
	return h.log.Handle(ctx, r)
}
