package web

import (
	"net/http"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Configurations tells how the daemon is configured.
type Configurations interface {
	// Loaded returns the configuration in use.
	Loaded() (LoadedConfiguration, error)
	// LoadedOf returns what of it concerns some tenants alone.
	LoadedOf(tenants []screenpop.Tenant) (LoadedConfiguration, error)
}

// LoadedConfiguration is a configuration as it was loaded, its secrets hidden.
type LoadedConfiguration struct {
	YAML     string    `json:"yaml"`
	Loaded   time.Time `json:"loaded"`
	Warnings []string  `json:"warnings"` // one sentence each, of the whole only
}

func (s *Server) adminConfiguration(w http.ResponseWriter, r *http.Request) error {
	var loaded LoadedConfiguration
	var err error
	if seen := reachIn(r.Context()); seen.everything {
		loaded, err = s.configurations.Loaded()
	} else {
		loaded, err = s.configurations.LoadedOf(seen.tenants)
	}
	if err != nil {
		return failed("show the configuration", err)
	}
	if loaded.Warnings == nil {
		loaded.Warnings = []string{}
	}
	return writeJSON(w, loaded)
}
