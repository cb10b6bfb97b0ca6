package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/vault"
)

// restoredFile is a backup that has been put back, or could be.
type restoredFile struct {
	File    string    `json:"file"`
	Created time.Time `json:"created"`
	Key     string    `json:"key"`
	Records int       `json:"records"`
	Kept    string    `json:"kept"`
	DryRun  bool      `json:"dry_run"`
}

func newRestore() *cobra.Command {
	var flags storeFlags
	var backupKeys string
	var dryRun, asJSON bool
	cmd := &cobra.Command{
		Use:   "restore FILE --config FILE",
		Short: "Put a backup back while the daemon is stopped; what is replaced is kept beside it",
		Long: `Verifies a backup to its end and every record in it, and puts it in the place of
the database in state_dir; - reads it from the standard input. The daemon has to be stopped; with --dry-run, which
verifies only and changes nothing, it may run.

Everything is sealed anew with the first key of encryption_key_file. A backup
from before a rotation of the key needs the key file of its time, too: name the
copy of it with --backup-keys.

In a cluster the database is a step on the way: ` + "`smokepopd migrate --to cluster`" + ` then
moves it into the cluster, which has to be empty.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.resolve(); err != nil {
				return err
			}
			opts := vault.RestoreOptions{DryRun: dryRun, Now: time.Now()}
			done, err := flags.restore(cmd, args[0], backupKeys, opts)
			if err != nil {
				return failure{exitFailed, err}
			}
			if !dryRun {
				flags.leave(cmd.ErrOrStderr(), audit.Restore{Records: done.Records, Key: done.KeyID, Created: done.Created})
			}
			if asJSON {
				return printJSON(cmd, restoredFile{args[0], done.Created, done.KeyID, done.Records, done.Kept, dryRun})
			}
			what := "restored"
			if dryRun {
				what = "verified, nothing was changed:"
			}
			w := cmd.OutOrStdout()
			fmt.Fprintf(w, "%s the backup of %s, sealed with key %s, records: %d\n", what, done.Created.Local().Format(time.DateTime), done.KeyID, done.Records)
			if done.Kept != "" {
				fmt.Fprintf(w, "the database that was there is kept as %s; delete it once all is well\n", done.Kept)
			}
			if flags.inCluster() && !dryRun {
				fmt.Fprintf(w, "it is the database in %s now, which a cluster does not use: with every node stopped, `smokepopd migrate --to cluster` puts it into the cluster\n", flags.stateDir)
			}
			return nil
		},
	}
	configFlag(cmd, &flags.configFile)
	cmd.Flags().StringVar(&backupKeys, "backup-keys", "", "a copy of the key file from the time of the backup")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "verify the backup and change nothing")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func (f *storeFlags) restore(cmd *cobra.Command, file, backupKeys string, opts vault.RestoreOptions) (done vault.Restored, err error) {
	if opts.Keys, err = vault.LoadKeys(f.keyFile); err != nil {
		return done, err
	}
	if backupKeys != "" {
		if opts.BackupKeys, err = vault.LoadKeys(backupKeys); err != nil {
			return done, err
		}
	}
	backup := io.NopCloser(cmd.InOrStdin())
	if file != "-" {
		if backup, err = os.Open(file); err != nil {
			return done, err
		}
	}
	defer backup.Close()
	err = asOwner(f.stateDir, func() error {
		done, err = vault.Restore(cmd.Context(), f.stateDir, backup, opts)
		return err
	})
	if errors.Is(err, vault.ErrWrongKey) && backupKeys == "" {
		err = fmt.Errorf("%w: name the copy of the key file from that time with --backup-keys", err)
	}
	return done, err
}
