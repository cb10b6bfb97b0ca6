package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/vodia"
)

func newVodia() *cobra.Command {
	cmd := newGroup("vodia", "The PBX's side: print its webhooks, install them, see what arrives, try an event")
	cmd.AddCommand(newVodiaTemplate(), newVodiaSubscribe(), newVodiaCapture(), newVodiaTry())
	return cmd
}

// hookFlags are the flags of commands that make webhooks.
type hookFlags struct {
	config, tenant, encoding, url string
	json                          bool
}

func (f *hookFlags) register(cmd *cobra.Command) {
	configFlag(cmd, &f.config)
	cmd.Flags().StringVar(&f.tenant, "tenant", "", "the PBX domain; needed where several are configured")
	cmd.Flags().StringVar(&f.encoding, "encoding", string(vodia.JSON), "json, form or query (all in the address, without literal braces)")
	cmd.Flags().StringVar(&f.url, "url", "", "where the PBX reaches smokepop, such as https://pop.firm.example:8444 (default: public_url with listen.pbx's port)")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON document")
}

// firm returns the tenant that is meant and the template of its webhooks.
func (f *hookFlags) firm() (config.Tenant, vodia.Template, error) {
	cfg, err := loadConfig(f.config)
	if err != nil {
		return config.Tenant{}, vodia.Template{}, err
	}
	t, err := tenantOf(cfg, f.tenant)
	if err != nil {
		return config.Tenant{}, vodia.Template{}, err
	}
	encoding := vodia.Encoding(strings.ToLower(f.encoding))
	if !slices.Contains(vodia.Encodings(), encoding) {
		return config.Tenant{}, vodia.Template{}, failure{exitUsage, fmt.Errorf("--encoding: %q is none of json, form and query", f.encoding)}
	}
	base := f.url
	if base == "" {
		base = webhookBase(cfg.PublicURL, cfg.Listen.Agents, cfg.Listen.PBX)
	}
	if err := checkBase(base); err != nil {
		return config.Tenant{}, vodia.Template{}, failure{exitUsage, fmt.Errorf("--url: %w", err)}
	}
	return t, templateOf(t, base, encoding), nil
}

func templateOf(t config.Tenant, base string, e vodia.Encoding) vodia.Template {
	w := t.PBX.Webhook
	return vodia.Template{
		Base: base, Domain: string(t.Domain), Username: w.Username, Password: w.Password, Token: w.Token, Encoding: e,
	}
}

func tenantOf(cfg *config.Config, name string) (config.Tenant, error) {
	domains := make([]string, len(cfg.Tenants))
	for i, t := range cfg.Tenants {
		domains[i] = string(t.Domain)
		if t.Domain == screenpop.ParseTenant(name) {
			return t, nil
		}
	}
	switch {
	case name != "":
		return config.Tenant{}, failure{exitUsage, fmt.Errorf("--tenant: %q is not configured; configured: %s", name, strings.Join(domains, ", "))}
	case len(cfg.Tenants) == 1:
		return cfg.Tenants[0], nil
	}
	return config.Tenant{}, failure{exitUsage, fmt.Errorf("name one tenant with --tenant: %s", strings.Join(domains, ", "))}
}

// webhookBase is where the PBX reaches smokepop: the host of public_url, with
// the port of the PBX's listener where that is another one.
func webhookBase(public, agents, pbx string) string {
	u, err := url.Parse(public)
	if err != nil || agents == pbx {
		return strings.TrimRight(public, "/")
	}
	if host, port, err := net.SplitHostPort(pbx); err == nil {
		name := u.Hostname()
		if a, err := netip.ParseAddr(host); err == nil && a.IsLoopback() {
			name = host // nobody reaches it by another name
		}
		u.Host = net.JoinHostPort(name, port)
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
}

func checkBase(base string) error {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return errors.New("write scheme, host and port alone, such as https://pop.firm.example:8444")
	}
	if u.Scheme == "https" || u.Hostname() == "localhost" {
		return nil
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && a.IsLoopback() {
		return nil
	}
	return errors.New("plain http is for this machine alone: the webhooks' password and telephone numbers would travel in the open")
}
