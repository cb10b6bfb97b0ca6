package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
	"unicode"
)

const (
	// inspectTimeout is far more than a store of any size needs and less than
	// systemd gives the daemon to start.
	inspectTimeout = 40 * time.Second
	// maxVerdict bounds what is read of a child.
	maxVerdict = 4096
)

// verdict is what the child says of a file, in one line of JSON.
type verdict struct {
	Verdict string `json:"verdict"`
	Detail  string `json:"detail,omitempty"`
}

// verdicts are the refusals a child can tell of. Any other error is failed.
var verdicts = [...]struct {
	word string
	err  error
}{
	{"damaged", ErrDamaged}, {"locked", ErrLocked}, {"newer-schema", ErrNewerSchema},
}

const (
	verdictSound  = "sound"
	verdictFailed = "failed"
)

// InspectMain is the child of [InspectInChild]: it looks through the database
// at path, says on stdout what it has found and returns the exit code. It needs
// no keys, writes nothing to the file, and gives up after 40 seconds; the
// caller then ends the process.
func InspectMain(path string, stdout io.Writer) int {
	found := make(chan error, 1)
	go func() { found <- inspect(path) }() // a file that holds it up ends with the process
	var err error
	select {
	case err = <-found:
	case <-time.After(inspectTimeout):
		err = fmt.Errorf("%w: the check has not ended after %v", ErrDamaged, inspectTimeout)
	}
	v := verdict{Verdict: verdictSound}
	if err != nil {
		v = verdict{Verdict: verdictFailed, Detail: err.Error()}
		for _, known := range verdicts {
			if errors.Is(err, known.err) {
				v.Verdict = known.word
			}
		}
		v.Detail = v.Detail[:min(len(v.Detail), maxVerdict/4)] // JSON makes it longer
	}
	if err := json.NewEncoder(stdout).Encode(v); err != nil {
		return 1
	}
	return 0
}

// InspectInChild returns an [Options.Inspect] that runs executable with args
// and the database's path behind them; what is started there calls
// [InspectMain]. The child gets an empty environment and no open files but its
// output, of which a few KiB are read. A child that dies, hangs or talks
// nonsense over a file is ErrDamaged; one that cannot be started is not.
func InspectInChild(executable string, args ...string) func(ctx context.Context, path string) error {
	return func(ctx context.Context, path string) error {
		return inspectInChild(ctx, inspectTimeout, path, executable, args)
	}
}

func inspectInChild(ctx context.Context, timeout time.Duration, path, executable string, args []string) error {
	within, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	var out, complaint head
	child := exec.CommandContext(within, executable, append(args[:len(args):len(args)], path)...)
	child.Env, child.Dir = []string{}, "/"
	child.Stdout, child.Stderr = &out, &complaint
	child.WaitDelay = time.Second
	if err := child.Start(); err != nil {
		return fmt.Errorf("start the check of the database: %w", err)
	}
	err = child.Wait()
	var v verdict
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case within.Err() != nil:
		return fmt.Errorf("%w: the check has not ended after %v", ErrDamaged, timeout)
	case err != nil:
		return fmt.Errorf("%w: the check broke off: %w%s", ErrDamaged, err, complaint.firstLine())
	case out.over || json.Unmarshal(out.b.Bytes(), &v) != nil:
		return fmt.Errorf("%w: the check has not said what it found", ErrDamaged)
	case v.Verdict == verdictSound:
		return nil
	case v.Verdict == verdictFailed:
		return fmt.Errorf("check the database: %s", plain(v.Detail))
	}
	for _, known := range verdicts {
		if v.Verdict == known.word {
			return &inspected{text: plain(v.Detail), err: known.err}
		}
	}
	return fmt.Errorf("%w: the check has not said what it found", ErrDamaged)
}

// inspected is a child's refusal, in its words.
type inspected struct {
	text string
	err  error
}

func (e *inspected) Error() string { return e.text }
func (e *inspected) Unwrap() error { return e.err }

// head keeps the beginning of what is written to it.
type head struct {
	b    bytes.Buffer
	over bool
}

func (h *head) Write(p []byte) (int, error) {
	keep := p[:min(len(p), maxVerdict-h.b.Len())]
	h.over = h.over || len(keep) < len(p)
	h.b.Write(keep)
	return len(p), nil
}

func (h *head) firstLine() string {
	line, _, _ := strings.Cut(h.b.String(), "\n")
	if line == "" {
		return ""
	}
	return ": " + plain(line)
}

// plain makes s fit for a log.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s[:min(len(s), maxVerdict/4)])
}
