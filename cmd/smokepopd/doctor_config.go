package main

import (
	"errors"

	"github.com/smokepop/smokepop/internal/config"
)

// configuration loads the configuration; nil: it cannot be used.
func (x *examination) configuration(c *chart) *config.Config {
	cfg, err := config.Load(x.file, environment(x.file))
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
