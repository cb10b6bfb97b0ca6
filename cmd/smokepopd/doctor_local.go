package main

import (
	"errors"
	"os"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/vault"
)

// configuration loads the configuration; nil: it cannot be used.
func (x *examination) configuration(r *doctorReport) *config.Config {
	cfg, err := config.Load(x.file, os.Environ())
	var problems config.Problems
	switch {
	case errors.As(err, &problems):
		for _, p := range problems {
			r.fail("correct it; `smokepopd check-config` checks without the rest", "configuration %s: %s", x.file, p.String())
		}
		return nil
	case err != nil:
		r.fail("name the file with --config, and run this as a user who may read it", "configuration: %v", err)
		return nil
	}
	r.ok("configuration %s: tenants: %d", x.file, len(cfg.Tenants))
	for _, w := range cfg.Warnings() {
		r.warn("", "configuration %s", w)
	}
	return cfg
}

// files looks at the key and at who may read the secrets.
func (x *examination) files(r *doctorReport, cfg *config.Config, tenants []config.Tenant) {
	switch _, err := vault.LoadKeys(cfg.EncryptionKeyFile); {
	case errors.Is(err, os.ErrPermission):
		r.fail("run this as root or as the daemon's user", "encryption key: %v", err)
	case err != nil:
		r.fail("without it the daemon does not start", "encryption key: %v", err)
	default:
		r.ok("encryption key %s", cfg.EncryptionKeyFile)
	}
	seen := map[string]bool{"": true}
	exposed := false
	for _, t := range tenants {
		for _, file := range []string{
			t.Smokeball.ClientSecretFile, t.Smokeball.APIKeyFile, t.PBX.Webhook.PasswordFile, t.PBX.Webhook.TokenFile, t.PBX.API.PasswordFile,
		} {
			if seen[file] {
				continue
			}
			seen[file] = true
			if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o007 != 0 {
				exposed = true
				r.warn("chmod 0400 it, and change the secret if others may have read it", "secret %s can be read by everybody (mode %#o)", file, info.Mode().Perm())
			}
		}
	}
	if len(seen) > 1 && !exposed {
		r.ok("secrets in files of their own: %d, none of them open to everybody", len(seen)-1)
	}
}
