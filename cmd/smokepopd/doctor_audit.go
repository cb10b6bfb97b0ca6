package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/smokepop/smokepop/internal/audit"
)

// auditFile looks at audit.file: whether the daemon can write it, and others
// cannot read it.
func (x *examination) auditFile(_ context.Context, c *chart) {
	file := x.cfg.Audit.File
	what := file
	switch err := audit.CheckFile(file); {
	case errors.Is(err, fs.ErrPermission):
		c.skip(asRoot, "%s is not for this user to see", file)
		return
	case errors.Is(err, fs.ErrNotExist):
		what = filepath.Dir(file)
		if info, err := os.Stat(what); err != nil || !info.IsDir() {
			c.fail("make it, for the daemon's user: the daemon does not start until then; /var/log/smokepop is made by the unit", "the folder of %s is not there", file)
			return
		}
	case err != nil:
		c.fail("the daemon does not start until then", "%v", err)
		return
	}
	daemon, known := ownerOf(x.cfg.StateDir)
	if of, readable := ownerOf(what); known && readable && daemon != 0 && of != daemon {
		c.fail("chown it to the daemon's user, who writes there", "%s belongs to user %d, and the daemon is user %d", what, of, daemon)
		return
	}
	if what != file {
		c.ok("%s is not there yet, and will be made", file)
		return
	}
	c.ok("%s is there, and closed to others", file)
}
