package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/vault"
)

// keyReport is how the running daemon's store is sealed.
type keyReport struct {
	StateDir   string   `json:"state_dir"`
	KeyFile    string   `json:"key_file"`
	Keys       []keyRow `json:"keys"`
	Settled    bool     `json:"settled"`
	Unreadable []string `json:"unreadable"`
	Problem    string   `json:"problem"`
}

// keyRow is one key. Records is nil where no daemon tells.
type keyRow struct {
	ID      string `json:"id"`
	Use     string `json:"use"`
	Records *int   `json:"records"`
}

type keyList struct {
	KeyFile string   `json:"key_file"`
	Keys    []keyRow `json:"keys"`
	// Running: a daemon has told how many records each key seals.
	Running    bool     `json:"running"`
	Unreadable []string `json:"unreadable"`
}

func newKeysList() *cobra.Command {
	flags := &storeFlags{}
	cmd := &cobra.Command{
		Use:   "list --key-file FILE | --config FILE",
		Short: "List the keys in a key file, the sealing one first, and what the running daemon needs each for",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if flags.keyFile == "" && flags.configFile == "" {
				return failure{exitUsage, errors.New("name the key file with --key-file, or the configuration with --config")}
			}
			ask := flags.socket != "" || flags.configFile != ""
			if err := flags.resolve(); err != nil {
				return err
			}
			list, err := flags.list(cmd.Context(), ask)
			if err != nil {
				return err
			}
			if flags.json {
				return printJSON(cmd, list)
			}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, k := range list.Keys {
				fmt.Fprintf(t, "%s\t%s", k.ID, k.Use)
				if k.Records != nil {
					fmt.Fprintf(t, "\trecords: %d", *k.Records)
				}
				fmt.Fprintln(t)
			}
			for _, path := range list.Unreadable {
				fmt.Fprintf(t, "no key opens %s\n", path)
			}
			return t.Flush()
		},
	}
	flags.register(cmd)
	cmd.Flags().StringVar(&flags.keyFile, "key-file", "", "the key file")
	return cmd
}

// list reads the key file and asks the daemon, if there is one.
func (f *storeFlags) list(ctx context.Context, ask bool) (keyList, error) {
	ring, err := vault.LoadKeys(f.keyFile)
	if err != nil {
		return keyList{}, failure{exitFailed, err}
	}
	list := keyList{KeyFile: f.keyFile, Unreadable: []string{}}
	for i, id := range ring.IDs() {
		list.Keys = append(list.Keys, keyRow{ID: id, Use: "opens"})
		if i == 0 {
			list.Keys[0].Use = "seals"
		}
	}
	if !ask {
		return list, nil
	}
	c := newAdminClient(f.socket)
	if list.Running, err = c.running(ctx); err != nil || !list.Running {
		return list, err
	}
	var report keyReport
	if err := c.call(ctx, http.MethodGet, "/v1/keys", nil, nil, &report); err != nil {
		return list, err
	}
	list.Unreadable = report.Unreadable
	for _, k := range report.Keys {
		i := slices.IndexFunc(list.Keys, func(row keyRow) bool { return row.ID == k.ID })
		if i < 0 {
			list.Keys = append(list.Keys, keyRow{ID: k.ID, Use: "in the daemon only", Records: k.Records})
			continue
		}
		list.Keys[i].Records = k.Records
	}
	return list, nil
}
