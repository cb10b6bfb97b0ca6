package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/daemon"
	"github.com/smokepop/smokepop/internal/vault"
)

func newBackup() *cobra.Command {
	flags := &storeFlags{}
	var force bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a sealed backup of the store, while the daemon runs or, with --config, while it does not",
		Long: `Writes the store, as it is at one moment, to a file that is sealed as a whole:
whoever has it and not the key can read neither values nor names in it, nor
change it. FILE may be - for the standard output. The key is not in it: keep a
copy of the key file elsewhere.

In a cluster any node writes the backup of what all have, while all run.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] == "-" && flags.json {
				return failure{exitUsage, errors.New("--json and a backup on the standard output: choose one")}
			}
			taken, err := flags.backup(cmd.Context(), args[0], force, cmd.OutOrStdout())
			if err != nil {
				var told failure
				if errors.As(err, &told) {
					return err
				}
				return failure{exitFailed, err}
			}
			if taken.From != fromDaemon {
				flags.leave(cmd.ErrOrStderr(), audit.Backup{Records: taken.Records, LeftOut: taken.LeftOut})
			}
			say := cmd.OutOrStdout()
			switch {
			case flags.json:
				return printJSON(cmd, taken)
			case args[0] == "-":
				say, taken.File = cmd.ErrOrStderr(), "the backup"
			}
			if taken.LeftOut > 0 {
				fmt.Fprintf(say, "left out: %d records that no key opens (smokepopd keys list --config FILE names them)\n", taken.LeftOut)
			}
			_, err = fmt.Fprintf(say, "wrote %s, records: %d, taken from the %s\n", taken.File, taken.Records, taken.From)
			return err
		},
	}
	flags.register(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "replace a file that is there already")
	return cmd
}

// Where a backup is taken from.
const (
	fromDaemon  = "running daemon"
	fromStopped = "stopped store"
	fromCluster = "cluster's store" // whose daemon here does not run
)

// taken is a backup that has been written.
type taken struct {
	File    string `json:"file"`
	Records int    `json:"records"`
	LeftOut int    `json:"left_out"`
	From    string `json:"from"` // running daemon, stopped store, cluster's store
}

// backup takes the backup from the daemon, or from the store when no daemon
// runs.
func (f *storeFlags) backup(ctx context.Context, file string, force bool, stdout io.Writer) (t taken, err error) {
	client, err := f.client()
	if err != nil {
		return taken{}, err
	}
	running, err := client.running(ctx)
	if err != nil {
		return taken{}, err
	}
	t.File, t.From = file, fromDaemon
	write := func(w io.Writer) error { return t.download(ctx, client, w) }
	if !running {
		if f.configFile == "" {
			return taken{}, fmt.Errorf("%w; with --config FILE the backup is taken from the stopped store", client.explain(fs.ErrNotExist))
		}
		write = func(w io.Writer) error { return t.copy(ctx, f, w) }
	}
	if file == "-" {
		err = write(stdout)
	} else {
		err = writeWhole(file, force, write)
	}
	return t, err
}

// download writes the daemon's backup to w.
func (t *taken) download(ctx context.Context, c *adminClient, w io.Writer) error {
	res, err := c.send(ctx, http.MethodGet, "/v1/backup", nil, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	for name, n := range map[string]*int{"Smokepop-Backup-Records": &t.Records, "Smokepop-Backup-Left-Out": &t.LeftOut} {
		if *n, err = strconv.Atoi(res.Header.Get(name)); err != nil {
			return errors.New("what answers on the socket does not send a backup: is it another version?")
		}
	}
	if _, err := io.Copy(w, res.Body); err != nil {
		return fmt.Errorf("the backup broke off: %w", err)
	}
	return nil
}

// copy writes a backup to w of the store that no daemon here has open.
func (t *taken) copy(ctx context.Context, f *storeFlags, w io.Writer) (err error) {
	if err := f.resolve(); err != nil {
		return err
	}
	t.From = fromStopped
	if f.inCluster() {
		t.From = fromCluster
	}
	keys, err := vault.LoadKeys(f.keyFile)
	if err != nil {
		return err
	}
	s, done, err := f.openAny(ctx, keys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	b, err := s.Backup(ctx)
	if err != nil {
		return err
	}
	t.Records, t.LeftOut = b.Records(), len(b.LeftOut)
	return b.Write(w)
}

// openAny opens the store that the configuration names: the database that no
// daemon has open, or what a cluster's other nodes may go on using.
func (f *storeFlags) openAny(ctx context.Context, keys vault.KeyRing) (s *vault.Store, done func() error, err error) {
	if f.inCluster() {
		return daemon.OpenClusterStore(ctx, f.cfg, keys, quietLog())
	}
	if s, err = f.open(ctx, keys); err != nil {
		return nil, nil, err
	}
	return s, s.Close, nil
}

// inCluster tells whether the configuration has been read and names a cluster.
func (f *storeFlags) inCluster() bool { return f.cfg != nil && f.cfg.Cluster.On() }

// writeWhole lets write fill a file beside path and gives it the name path once
// it is on the disk, mode 0600. After an error nothing is left; a file that is
// at path already stays, unless force.
func writeWhole(path string, force bool, write func(io.Writer) error) (err error) {
	there := func() error {
		return fmt.Errorf("%s is there already: name another file, or replace it with --force", path)
	}
	if _, err := os.Lstat(path); err == nil && !force {
		return there()
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".smokepop-backup-*") // 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if force {
		err = os.Rename(f.Name(), path)
	} else if err = os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) { // it replaces nothing
		return there()
	} else if err != nil { // a file system without links
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
