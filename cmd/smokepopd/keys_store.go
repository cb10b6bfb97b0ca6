package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"syscall"
	"time"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/vault"
)

// storeFlags name a store, its key file and the daemon that may have it open:
// by the configuration, or one by one.
type storeFlags struct {
	adminFlags
	keyFile, stateDir string
	cfg               *config.Config // that of configFile, once it is taken
}

// resolve fills in what the configuration says. What is named on the command
// line has precedence.
func (f *storeFlags) resolve() error {
	if f.configFile != "" {
		cfg, err := loadConfig(f.configFile)
		if err != nil {
			return err
		}
		f.take(cfg)
	}
	if f.socket == "" {
		f.socket = defaultSocket
	}
	if f.keyFile != "" && f.stateDir != "" {
		if err := vault.CheckKeyPlace(f.stateDir, f.keyFile); err != nil {
			return failure{exitUsage, err}
		}
	}
	return nil
}

func (f *storeFlags) take(cfg *config.Config) {
	f.cfg = cfg
	for to, from := range map[*string]string{&f.keyFile: cfg.EncryptionKeyFile, &f.stateDir: cfg.StateDir, &f.socket: cfg.AdminSocket} {
		if *to == "" {
			*to = from
		}
	}
}

// open opens the store that no daemon has open, as its owner.
func (f *storeFlags) open(ctx context.Context, keys vault.KeyRing) (s *vault.Store, err error) {
	// Open would make one.
	if _, err := os.Stat(filepath.Join(f.stateDir, vault.FileName)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no database in %s: nothing is sealed yet", f.stateDir)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	err = asOwner(f.stateDir, func() error {
		s, err = vault.Open(ctx, f.stateDir, keys, vault.Options{Inspect: vault.InspectInChild(self, vaultInspect)})
		return err
	})
	return s, err
}

// leave leaves word of what was done for the next daemon's audit log. What was
// done stands whether that works or not.
func (f *storeFlags) leave(stderr io.Writer, event audit.Event) {
	e := audit.Entry{By: audit.ByUser(audit.ActorCommand, uint32(os.Getuid()), ""), At: time.Now(), Event: event}
	if u, err := user.Current(); err == nil {
		e.By.Name = u.Username
	}
	if by := invokingUser(); by != e.By.Name {
		e.By.Claimed = by
	}
	if err := asOwner(f.stateDir, func() error { return audit.Leave(f.stateDir, e) }); err != nil {
		fmt.Fprintf(stderr, "done, but the audit log will not tell of it: %v\n", err)
	}
}

// asOwner lets root act as the user whose directory dir is: the vault refuses
// what belongs to others, and what it makes must belong to the daemon's user.
// For everybody else it is fn. Nothing else runs meanwhile.
func asOwner(dir string, fn func() error) (err error) {
	info, err := os.Lstat(dir)
	if err != nil {
		return fn()
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || stat.Uid == 0 {
		return fn()
	}
	group := os.Getegid()
	if err := syscall.Setegid(int(stat.Gid)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, syscall.Setegid(group)) }()
	if err := syscall.Seteuid(int(stat.Uid)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, syscall.Seteuid(0)) }()
	return fn()
}
