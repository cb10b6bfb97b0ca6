package crashtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"time"

	"github.com/smokepop/smokepop/internal/vault"
)

// pair is an authorisation's tokens; both empty for none.
type pair struct{ Access, Refresh string }

// String tells tokens apart without their length.
func (p pair) String() string { return "…" + p.Access[max(0, len(p.Access)-8):] + " " + p.Refresh }

// found is what an image turned out to hold.
type found struct {
	// Refused says why the store did not open, Typed that the error is one of
	// the vault's own.
	Refused string
	Typed   bool
	// NoKey: it was refused for want of a whole key file.
	NoKey bool
	// Wrong says what went wrong in a store that opened.
	Wrong  string
	Tokens map[string]pair // by extension
	// Died: the process that opened the image ended, or did not come to an end.
	Died bool
}

// openImages is the process that opens images: for each directory on its input
// one found on its output.
func openImages(in io.Reader, out io.Writer) error {
	lines, answers := bufio.NewScanner(in), json.NewEncoder(out)
	for lines.Scan() {
		if err := answers.Encode(openImage(context.Background(), lines.Text())); err != nil {
			return err
		}
	}
	return lines.Err()
}

func openImage(ctx context.Context, dir string) (f found) {
	refuse := func(err error) found {
		f.Refused, f.NoKey = err.Error(), errors.Is(err, vault.ErrNoKey)
		for _, kind := range []error{vault.ErrDamaged, vault.ErrWrongKey, vault.ErrNoKey, vault.ErrNewerSchema, vault.ErrExposed} {
			f.Typed = f.Typed || errors.Is(err, kind)
		}
		return f
	}
	keys, err := vault.LoadKeys(keyFile(dir))
	if err != nil {
		return refuse(err)
	}
	s, err := vault.Open(ctx, stateDir(dir), keys, vault.Options{})
	if err != nil {
		return refuse(err)
	}
	defer s.Close()
	if f.Tokens, err = readTokens(ctx, s); err != nil {
		f.Wrong = err.Error()
		return f
	}
	// A store that opens also goes on: it takes writes, and they cost nothing.
	for range 3 {
		if err := s.Put(ctx, "crash/test/after", bytes.Repeat([]byte{'x'}, 5000)); err != nil {
			f.Wrong = "after the crash: " + err.Error()
			return f
		}
	}
	after, err := readTokens(ctx, s)
	if err != nil || !maps.Equal(after, f.Tokens) {
		f.Wrong = fmt.Sprintf("a write after the crash changed the records: %v", err)
	}
	return f
}

func readTokens(ctx context.Context, s *vault.Store) (map[string]pair, error) {
	paths, err := s.List(ctx, "tokens/")
	if err != nil {
		return nil, err
	}
	all := map[string]pair{}
	for _, p := range paths {
		b, _, err := s.Get(ctx, p)
		if err != nil {
			return nil, err
		}
		var one pair
		if err := json.Unmarshal(b, &one); err != nil {
			return nil, err
		}
		all[path.Base(p)] = one
	}
	return all, nil
}

// longestOpening is far more than an image takes, also on a busy machine.
const longestOpening = 20 * time.Second

// opener opens images in a process of its own, and in a new one when that has
// died of an image.
type opener struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *json.Decoder
	stderr bytes.Buffer
}

func (o *opener) start() (err error) {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), openEnv+"=1")
	o.stderr.Reset()
	cmd.Stderr = &o.stderr
	if o.stdin, err = cmd.StdinPipe(); err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	o.cmd, o.stdout = cmd, json.NewDecoder(stdout)
	return nil
}

// open lays an image into a new directory and opens it there. An error is the
// test's own.
func (o *opener) open(i Image, from, dir string) (f found, err error) {
	for _, d := range []string{stateDir(dir), path.Dir(keyFile(dir))} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return f, err
		}
	}
	if err := i.Lay(from, dir); err != nil {
		return f, err
	}
	if o.cmd == nil {
		if err := o.start(); err != nil {
			return f, err
		}
	}
	// A tree of pages whose links go round in a circle is walked for ever.
	cmd := o.cmd
	guard := time.AfterFunc(longestOpening, func() { _ = cmd.Process.Kill() })
	_, err = fmt.Fprintln(o.stdin, dir)
	if err == nil {
		err = o.stdout.Decode(&f)
	}
	guard.Stop()
	if err != nil {
		o.close()
		said, _, _ := bytes.Cut(o.stderr.Bytes(), []byte("\n\n"))
		f = found{Died: true, Refused: fmt.Sprintf("%v: %s", err, said)}
	}
	return f, os.RemoveAll(dir)
}

func (o *opener) close() {
	if o.cmd != nil {
		_ = o.stdin.Close()
		_ = o.cmd.Wait()
		o.cmd = nil
	}
}
