package daemon

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/web"
)

// configurations is the configuration in use in the words of web's admin API.
type configurations struct{ now atomic.Pointer[loadedConfig] }

type loadedConfig struct {
	cfg *config.Config
	at  time.Time
}

func (c *configurations) set(cfg *config.Config) {
	c.now.Store(&loadedConfig{cfg, time.Now().UTC().Truncate(time.Second)})
}

func (c *configurations) Loaded() (web.LoadedConfiguration, error) {
	l := c.now.Load()
	var b strings.Builder
	err := config.Print(&b, l.cfg)
	return web.LoadedConfiguration{YAML: b.String(), Loaded: l.at, Warnings: l.cfg.Warnings()}, err
}

func (c *configurations) LoadedOf(tenants []screenpop.Tenant) (web.LoadedConfiguration, error) {
	l := c.now.Load()
	var b strings.Builder
	err := config.PrintTenants(&b, l.cfg, tenants)
	return web.LoadedConfiguration{YAML: b.String(), Loaded: l.at}, err
}
