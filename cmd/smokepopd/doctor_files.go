package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/vault"
)

const asRoot = "run this as root or as the daemon's user"

// key looks at the encryption key: whether it is one, who may read it and whose
// it is.
func (x *examination) key(_ context.Context, c *chart) {
	file := x.cfg.EncryptionKeyFile
	switch _, err := vault.LoadKeys(file); {
	case errors.Is(err, os.ErrPermission):
		c.fail(asRoot, "%v", err)
		return
	case errors.Is(err, vault.ErrExposed):
		c.fail("the daemon does not start until then", "%v", err)
		return
	case err != nil:
		c.fail("put the key back from where it is kept; the daemon does not start without it", "%v", err)
		return
	}
	if err := vault.CheckKeyPlace(x.cfg.StateDir, file); err != nil {
		c.fail("move it, and write its new place as encryption_key_file", "%v", err)
		return
	}
	if uid, foreign := x.foreign(file); foreign {
		c.warn("chown it to root or to the daemon's user", "%s belongs to user %d, who may read and change it", file, uid)
		return
	}
	c.ok("%s is a key, and closed to others", file)
}

// secrets looks at who may read the secrets that stand in files of their own.
func (x *examination) secrets(_ context.Context, c *chart) {
	files := secretFiles(x.cfg)
	for _, file := range files {
		info, err := os.Stat(file)
		switch {
		case err != nil:
			c.fail(asRoot, "%v", err)
		case info.Mode().Perm()&0o007 != 0:
			c.warn("chmod 0400 it, and change the secret if others may have read it", "%s can be read by everybody (mode %#o)", file, info.Mode().Perm())
		default:
			if uid, foreign := x.foreign(file); foreign {
				c.warn("chown it to root or to the daemon's user", "%s belongs to user %d, who may read and change it", file, uid)
			}
		}
	}
	if len(files) > 0 && len(c.findings) == 0 {
		c.ok("secrets in files of their own: %d, none of them open to others", len(files))
	}
}

// foreign tells whether a file belongs to somebody who is neither root nor the
// daemon's user, and to whom.
func (x *examination) foreign(file string) (uid uint32, foreign bool) {
	owner, known := ownerOf(file)
	if !known || owner == 0 {
		return owner, false
	}
	daemon, known := ownerOf(x.cfg.StateDir)
	if !known {
		daemon = uint32(os.Geteuid()) //nolint:gosec // a user's id is no negative number here
	}
	return owner, owner != daemon
}

func ownerOf(file string) (uid uint32, known bool) {
	info, err := os.Stat(file)
	if err != nil {
		return 0, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return stat.Uid, true
}

// secretFiles are the files with secrets in them, each once.
func secretFiles(cfg *config.Config) []string {
	var list []string
	seen := map[string]bool{"": true}
	add := func(files ...string) {
		for _, file := range files {
			if !seen[file] {
				seen[file] = true
				list = append(list, file)
			}
		}
	}
	for _, t := range cfg.Tenants {
		add(t.Smokeball.ClientSecretFile, t.Smokeball.APIKeyFile, t.PBX.Webhook.PasswordFile, t.PBX.Webhook.TokenFile, t.PBX.API.PasswordFile)
	}
	add(cfg.SignIn.OIDC.ClientSecretFile, cfg.TLS.KeyFile, cfg.Tracing.HeadersFile)
	return list
}

// state looks at the state directory and the database in it.
func (x *examination) state(_ context.Context, c *chart) {
	dir := x.cfg.StateDir
	info, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && x.agents == nil:
		c.warn("start the daemon: it makes a new one, and every agent pairs then; or restore a backup", "%s is not there", dir)
		return
	case errors.Is(err, fs.ErrNotExist):
		c.fail("was state_dir changed? restart the daemon; or restore a backup", "%s is not there, and the daemon runs", dir)
		return
	case errors.Is(err, fs.ErrPermission):
		c.skip(asRoot, "%s is not for this user to see", dir)
		return
	case err != nil:
		c.fail("see what is wrong with the file system", "%v", err)
		return
	case !info.IsDir():
		c.fail("name the directory itself in state_dir", "%s is no directory", dir)
		return
	case info.Mode().Perm()&0o077 != 0:
		c.fail("chmod 0700 it: the daemon does not start until then", "%s is open to others (mode %#o)", dir, info.Mode().Perm())
		return
	}
	file := filepath.Join(dir, vault.FileName)
	db, err := os.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.warn("at a first start that is right; else restore a backup before you start the daemon", "%s is closed to others, and there is no database in it", dir)
	case errors.Is(err, fs.ErrPermission):
		c.skip(asRoot, "%s is closed to others, also to this user", dir)
	case err != nil:
		c.fail("see what is wrong with the file system", "%v", err)
	case !db.Mode().IsRegular():
		c.fail("put the database itself there", "%s is no regular file", file)
	case db.Mode().Perm()&0o077 != 0:
		c.fail("chmod 0600 it: the daemon does not start until then", "%s is open to others (mode %#o)", file, db.Mode().Perm())
	default:
		of, known := ownerOf(file)
		if whose, _ := ownerOf(dir); known && of != whose {
			c.fail("chown both to the daemon's user: it does not start until then", "%s belongs to user %d and its directory to user %d", file, of, whose)
			return
		}
		c.ok("%s and the database in it are closed to others", dir)
	}
}

// The database grows by some kilobytes for each agent; what fills a disk is
// something else, and then no token that Smokeball renews can be saved.
const (
	littleSpace, noSpace = 200 << 20, 20 << 20 // bytes
	littleFiles          = 1000
)

// disk looks at the space that is left for the database.
func (x *examination) disk(_ context.Context, c *chart) {
	bytes, files, err := freeSpace(x.cfg.StateDir)
	if errors.Is(err, fs.ErrPermission) {
		c.skip(asRoot, "%s is not for this user to see", x.cfg.StateDir)
		return
	}
	if err != nil {
		c.skip("look with df", "the space on %s cannot be told: %v", x.cfg.StateDir, err)
		return
	}
	judgeSpace(c, x.cfg.StateDir, bytes, files)
}

func judgeSpace(c *chart, dir string, bytes, files uint64) {
	const do = "make space: when the disk is full no renewed authorisation can be saved, and agents have to pair again"
	switch {
	case bytes < noSpace:
		c.fail(do, "there are %d MiB free at %s", bytes>>20, dir)
	case bytes < littleSpace:
		c.warn(do, "there are %d MiB free at %s", bytes>>20, dir)
	case files < littleFiles:
		c.warn(do, "there is room for %d files at %s", files, dir)
	default:
		c.ok("%d MiB are free at %s", bytes>>20, dir)
	}
}

// adminSocket looks at who may open the admin socket.
func (x *examination) adminSocket(_ context.Context, c *chart) {
	path := x.daemon.path
	info, err := os.Lstat(path)
	switch {
	case err != nil && x.agents == nil:
		c.skip("start the daemon, which makes it", "%s is not there", path)
	case err != nil:
		c.fail("restart the daemon, which makes it again", "%v", err)
	case info.Mode().Type() != fs.ModeSocket:
		c.fail("move it away: the daemon does not start until then", "%s is no socket", path)
	case info.Mode().Perm()&0o007 != 0:
		c.fail("chmod 0660 it: who may open it may read and do everything here", "%s is open to everybody (mode %#o)", path, info.Mode().Perm())
	default:
		c.ok("%s is open to its owner and group alone (mode %#o)", path, info.Mode().Perm())
	}
}
