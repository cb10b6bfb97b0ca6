package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/daemon"
	"github.com/smokepop/smokepop/internal/vault"
)

func newServe() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Run the daemon (what systemd starts)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			exposed := keepMemoryIn() // before there is a secret in it
			started := collectSeldom()
			cfg, err := loadConfig(file)
			if err != nil {
				return err
			}
			level := new(slog.LevelVar)
			level.Set(cfg.Log.Level)
			log := daemon.NewLogger(os.Stderr, level, cfg.Log.Format)
			for _, w := range cfg.Warnings() {
				log.Warn("configuration", "warning", w)
			}
			if exposed != nil {
				log.Warn("the memory of this process is less protected than it could be", "error", exposed)
			}
			// From here on, so that the signal that asks for a reload never ends the
			// daemon, unordered and in the eyes of systemd cleanly.
			hangups := make(chan os.Signal, 1)
			signal.Notify(hangups, syscall.SIGHUP)
			defer signal.Stop(hangups)
			self, err := os.Executable()
			if err != nil {
				return failure{exitFailed, fmt.Errorf("find this program's own file, to check the database with: %w", err)}
			}
			sockets, err := daemon.Inherited(cfg.Listen)
			if err != nil {
				return failure{exitFailed, err}
			}
			d, err := daemon.New(cmd.Context(), cfg, daemon.Options{
				Log: log, Version: version, Listeners: sockets, InspectStore: vault.InspectInChild(self, vaultInspect),
				Reloads: daemon.Reloads{Asked: hangups, Load: func() (*config.Config, error) { return loadConfig(file) }, Level: level},
			})
			if err != nil {
				return failure{exitFailed, err}
			}
			started()
			if err := d.Run(cmd.Context()); err != nil {
				return failure{exitFailed, err}
			}
			return nil
		},
	}
	configFlag(cmd, &file)
	return cmd
}

// collectSeldom lets garbage lie during a start, most of which stays in use:
// collecting took a fifth of the time until thousands of agents were read. A
// memory limit (GOMEMLIMIT) is kept all the same. What it returns ends that.
func collectSeldom() (end func()) {
	usual := debug.SetGCPercent(400)
	if os.Getenv("GOGC") == "" {
		usual = garbage
	}
	return func() { debug.SetGCPercent(usual) }
}

// garbage is how much may lie, in percent of what is in use, where the environment
// (GOGC) does not say. A daemon's heap is small and a storm of reconnects is not:
// twice of Go's own choice saves about a tenth of its processor time.
const garbage = 200

func configFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "config", "/etc/smokepop/smokepop.yaml", "the configuration file")
}

// loadConfig loads a configuration; what is wrong with it ends with exit code 2
// and every problem on a line of its own.
func loadConfig(file string) (*config.Config, error) {
	cfg, err := config.Load(file, environment(file))
	if err == nil {
		return cfg, nil
	}
	var problems config.Problems
	if errors.As(err, &problems) {
		count := fmt.Sprintf("%d problems", len(problems))
		if len(problems) == 1 {
			count = "1 problem"
		}
		return nil, failure{exitUsage, fmt.Errorf("%s: %s:\n%w", file, count, problems)}
	}
	return nil, failure{exitUsage, err}
}

// environment is the process's, and by hand, where systemd has not put the
// credentials anywhere, with the folder that its copies are made of.
func environment(file string) []string {
	const name = "CREDENTIALS_DIRECTORY"
	env := os.Environ()
	if os.Getenv(name) != "" {
		return env
	}
	dir, err := filepath.Abs(filepath.Join(filepath.Dir(file), "credentials"))
	if err != nil {
		return env
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return env
	}
	return append(env, name+"="+dir)
}
