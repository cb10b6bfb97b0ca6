package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/vault"
)

func newKeysRotate() *cobra.Command {
	flags := &storeFlags{}
	cmd := &cobra.Command{
		Use:   "rotate --config FILE | --key-file FILE --state-dir DIR",
		Short: "Replace the key: seal everything with a new one, then drop the old; run it until it says done",
		Long: `Replaces the key that seals the store. A new key is added to the key file, every
record is sealed with it, and only then the old key is taken out of the file.
It may be interrupted at any point: run it again, until it says "done".

Where the daemon has a copy of the key file that changes at its start only, as
with systemd's LoadCredential=, the command says when to restart it.

In a cluster it does nothing: every node needs the new key before one seals with
it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if flags.configFile == "" && (flags.keyFile == "" || flags.stateDir == "") {
				return failure{exitUsage, errors.New("name the configuration with --config, or --key-file and --state-dir")}
			}
			if err := flags.resolve(); err != nil {
				return err
			}
			if flags.inCluster() {
				return failure{exitFailed, errors.New("of a cluster every node needs the new key before one seals with it, or the others could read nothing any more: docs/cluster.md says how, under \"Rotating the key\"; nothing was changed")}
			}
			done, err := flags.rotate(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				var told failure
				if errors.As(err, &told) {
					return err
				}
				return failure{exitFailed, err}
			}
			if flags.json {
				return printJSON(cmd, done)
			}
			done.print(cmd.OutOrStdout())
			return nil
		},
	}
	flags.register(cmd)
	cmd.Flags().StringVar(&flags.keyFile, "key-file", "", "the key file (default: the configuration's)")
	cmd.Flags().StringVar(&flags.stateDir, "state-dir", "", "the directory of the database (default: the configuration's)")
	return cmd
}

// rotated is a rotation that has come to its end.
type rotated struct {
	State      string   `json:"state"` // done
	Key        string   `json:"key"`
	Records    int      `json:"records"`
	Removed    []string `json:"removed"`
	Unreadable []string `json:"unreadable"`
	// Restart: the daemon goes on holding removed keys in its memory.
	Restart bool `json:"restart"`
}

func (r rotated) print(w io.Writer) {
	for _, path := range r.Unreadable {
		fmt.Fprintf(w, "no key opens %s: the record was damaged before and is lost; if it is an agent's, the agent has to pair again\n", path)
	}
	fmt.Fprintf(w, "done: key %s seals all records (%d); no longer in the key file: %s\n", r.Key, r.Records, strings.Join(r.Removed, " "))
	fmt.Fprintln(w, "Keep a copy of the new key file. Backups taken before need the copy of the old one.")
	if r.Restart {
		fmt.Fprintln(w, "The daemon holds the old key in its memory until its next restart.")
	}
}

// rotate takes the rotation as far as it goes.
func (f *storeFlags) rotate(ctx context.Context, stderr io.Writer) (rotated, error) {
	c := newAdminClient(f.socket)
	running, err := c.running(ctx)
	if err != nil {
		return rotated{}, err
	}
	if running {
		return f.rotateLive(ctx, c)
	}
	done, err := f.rotateStopped(ctx)
	if err == nil {
		f.leave(stderr, audit.KeyRotation{Step: "rotated", Keys: append([]string{done.Key}, done.Removed...), Records: done.Records})
	}
	if errors.Is(err, vault.ErrLocked) {
		err = fmt.Errorf("%w; if it is the daemon, name its admin socket with --socket (tried %s)", err, f.socket)
	}
	return done, err
}

// rotateStopped does everything itself. It has the store open all the while,
// so no daemon can start in the middle.
func (f *storeFlags) rotateStopped(ctx context.Context) (done rotated, err error) {
	keys, err := vault.LoadKeys(f.keyFile)
	if err != nil {
		return rotated{}, err
	}
	s, err := f.open(ctx, keys)
	if err != nil {
		return rotated{}, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if _, err := vault.AddKey(f.keyFile); err != nil {
		return rotated{}, err
	}
	if keys, err = vault.LoadKeys(f.keyFile); err != nil {
		return rotated{}, err
	}
	if err := s.UseKeys(ctx, keys); err != nil {
		return rotated{}, err
	}
	use, err := s.Reseal(ctx)
	if err != nil {
		return rotated{}, err
	}
	ids := keys.IDs()
	if err := vault.DropKeys(f.keyFile, ids[1:]...); err != nil {
		return rotated{}, err
	}
	return rotated{State: "done", Key: ids[0], Records: use.Records[ids[0]], Removed: ids[1:], Unreadable: append([]string{}, use.Unreadable...)}, nil
}

// askAgain is how long to wait between two looks at the daemon's progress.
const askAgain = 200 * time.Millisecond

// rotateLive changes the key file and lets the daemon do the sealing.
func (f *storeFlags) rotateLive(ctx context.Context, c *adminClient) (rotated, error) {
	keys, err := vault.LoadKeys(f.keyFile)
	if err != nil {
		return rotated{}, err
	}
	var report keyReport
	if err := c.call(ctx, http.MethodGet, "/v1/keys", nil, nil, &report); err != nil {
		return rotated{}, err
	}
	if !sameDir(report.StateDir, f.stateDir) {
		return rotated{}, fmt.Errorf("the daemon on %s has its database in %s, not in %s: name its configuration, or its socket with --socket", c.path, report.StateDir, f.stateDir)
	}
	if !slices.Contains(keys.IDs(), report.Keys[0].ID) {
		return rotated{}, fmt.Errorf("the daemon seals with key %s, which is not in %s: this is not its key file", report.Keys[0].ID, f.keyFile)
	}
	if _, err := vault.AddKey(f.keyFile); err != nil {
		return rotated{}, err
	}
	if keys, err = vault.LoadKeys(f.keyFile); err != nil {
		return rotated{}, err
	}
	ids := keys.IDs()
	if err := c.call(ctx, http.MethodPost, "/v1/keys/rotate", nil, nil, &report); err != nil {
		return rotated{}, err
	}
	if report.Keys[0].ID != ids[0] {
		return rotated{}, fmt.Errorf("not done yet: key %s is in %s, and the daemon reads %s, a copy that changes at its start: restart smokepop, then run this again",
			ids[0], f.keyFile, report.KeyFile)
	}
	for !report.Settled {
		if report.Problem != "" {
			return rotated{}, fmt.Errorf("not done yet: the daemon says: %s; it tries again in a minute: run this again", report.Problem)
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return rotated{}, fmt.Errorf("not done yet: %w; the daemon goes on: run this again", ctx.Err())
		}
		if err := c.call(ctx, http.MethodGet, "/v1/keys", nil, nil, &report); err != nil {
			return rotated{}, err
		}
	}
	if err := vault.DropKeys(f.keyFile, ids[1:]...); err != nil {
		return rotated{}, err
	}
	done := rotated{State: "done", Key: ids[0], Removed: ids[1:], Unreadable: report.Unreadable}
	if report.Keys[0].Records != nil {
		done.Records = *report.Keys[0].Records
	}
	if err := c.call(ctx, http.MethodPost, "/v1/keys/rotate", nil, nil, &report); err != nil {
		return rotated{}, fmt.Errorf("the old key is out of %s, and the daemon could not be told: %w", f.keyFile, err)
	}
	done.Restart = len(report.Keys) > 1
	return done, nil
}

func sameDir(a, b string) bool {
	resolve := func(dir string) string {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			dir = real
		}
		abs, err := filepath.Abs(dir)
		if err != nil {
			return dir
		}
		return abs
	}
	return resolve(a) == resolve(b)
}
