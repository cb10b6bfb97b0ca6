package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestDoctorOnTheAuditFile(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(file string) error
		want  verdict
		what  string
	}{
		"there":         {func(file string) error { return os.WriteFile(file, nil, 0o600) }, probeOK, "closed to others"},
		"not yet there": {nil, probeOK, "will be made"},
		"open to all": {func(file string) error {
			return errors.Join(os.WriteFile(file, nil, 0o600), os.Chmod(file, 0o644))
		}, probeFail, "has mode 0644"},
		"no folder": {func(file string) error { return os.Remove(filepath.Dir(file)) }, probeFail, "is not there"},
		"no file":   {func(file string) error { return os.Mkdir(file, 0o700) }, probeFail, "is no file"},
		"somebody's": {func(file string) error {
			return errors.Join(os.WriteFile(file, nil, 0o600), os.Chown(file, 54321, -1))
		}, probeFail, "belongs to user 54321, and the daemon is user 12345"},
	} {
		t.Run(name, func(t *testing.T) {
			x, dir := installed(t)
			x.cfg.Audit.File = filepath.Join(dir, "log", "audit.log")
			if err := os.Mkdir(filepath.Dir(x.cfg.Audit.File), 0o700); err != nil {
				t.Fatal(err)
			}
			if name == "somebody's" { // root may write everywhere: let the daemon be somebody
				if err := os.Chown(x.cfg.StateDir, 12345, -1); err != nil {
					t.Skip("only root gives files away:", err)
				}
			}
			if c.spoil != nil {
				if err := c.spoil(x.cfg.Audit.File); err != nil {
					t.Fatal(err)
				}
			}
			tried(t, "audit-file", x.auditFile).wants(t, c.want, c.what)
		})
	}
}
