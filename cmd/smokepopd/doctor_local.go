package main

import (
	"context"
	"errors"
	"os"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/vault"
)

// configuration loads the configuration; nil: it cannot be used.
func (x *examination) configuration(c *chart) *config.Config {
	cfg, err := config.Load(x.file, os.Environ())
	var problems config.Problems
	switch {
	case errors.As(err, &problems):
		for _, p := range problems {
			c.fail("correct it; `smokepopd check-config` checks without the rest", "%s: %s", x.file, p.String())
		}
		return nil
	case err != nil:
		c.fail("name the file with --config, and run this as a user who may read it", "%v", err)
		return nil
	}
	c.ok("%s can be used: tenants: %d", x.file, len(cfg.Tenants))
	for _, w := range cfg.Warnings() {
		c.warn("change it, unless it is meant so", "%s", w)
	}
	return cfg
}

// key looks at the encryption key.
func (x *examination) key(_ context.Context, c *chart) {
	file := x.cfg.EncryptionKeyFile
	switch _, err := vault.LoadKeys(file); {
	case errors.Is(err, os.ErrPermission):
		c.fail("run this as root or as the daemon's user", "%v", err)
	case err != nil:
		c.fail("without it the daemon does not start", "%v", err)
	default:
		c.ok("%s is a key, and closed to others", file)
	}
}

// secrets looks at who may read the secrets that stand in files of their own.
func (x *examination) secrets(_ context.Context, c *chart) {
	files := secretFiles(x.cfg, x.tenants)
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o007 != 0 {
			c.warn("chmod 0400 it, and change the secret if others may have read it", "%s can be read by everybody (mode %#o)", file, info.Mode().Perm())
		}
	}
	if len(files) > 0 && len(c.findings) == 0 {
		c.ok("secrets in files of their own: %d, none of them open to everybody", len(files))
	}
}

// secretFiles are the files with secrets in them, each once.
func secretFiles(cfg *config.Config, tenants []config.Tenant) []string {
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
	for _, t := range tenants {
		add(t.Smokeball.ClientSecretFile, t.Smokeball.APIKeyFile, t.PBX.Webhook.PasswordFile, t.PBX.Webhook.TokenFile, t.PBX.API.PasswordFile)
	}
	add(cfg.SignIn.OIDC.ClientSecretFile, cfg.TLS.KeyFile)
	return list
}
