package main

import (
	"context"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/daemon"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// probe is one thing the doctor tries.
type probe struct {
	name   string
	tenant screenpop.Tenant
	try    func(context.Context, *chart)
	// needsDaemon: only the running daemon can tell.
	needsDaemon bool
	// slow: it reads much, at a rate that does no harm.
	slow bool
}

// probes are what is tried beside the configuration and the daemon, in the
// order in which they are told of.
func (x *examination) probes() []probe {
	list := []probe{
		{name: "encryption-key", try: x.key},
		{name: "secrets", try: x.secrets},
		{name: "state-directory", try: x.state},
		{name: "disk", try: x.disk},
		{name: "admin-socket", try: x.adminSocket},
		{name: "listeners", try: x.listeners},
		{name: "ready", try: x.ready, needsDaemon: true},
	}
	if x.cfg.Audit.File != "" {
		list = append(list, probe{name: "audit-file", try: x.auditFile})
	}
	list = append(list, probe{name: "public-url", try: x.public})
	if x.cfg.TLS.CertFile != "" {
		list = append(list, probe{name: "certificate-files", try: x.certificateFiles})
	}
	if x.cfg.Tracing.Endpoint != "" {
		list = append(list, probe{name: "trace-collector", try: x.collector})
	}
	if x.cfg.SignIn.OIDC.Issuer != "" {
		list = append(list, probe{name: "single-sign-on", try: x.signOn})
	}
	for _, address := range x.smokeballHosts() {
		list = append(list, probe{name: "smokeball", try: func(ctx context.Context, c *chart) { x.knock(ctx, c, address) }})
	}
	for _, t := range x.tenants {
		of := func(name string, try func(context.Context, *chart, config.Tenant)) probe {
			return probe{name: name, tenant: t.Domain, try: func(ctx context.Context, c *chart) { try(ctx, c, t) }}
		}
		hooks := of("pbx-webhooks", x.hooks)
		hooks.slow = true
		list = append(list, of("number-plan", x.numberPlan), of("pbx", x.pbx), hooks, of("webhook-listener", x.webhookListener))
		if t.PBX.LiveStates() {
			list = append(list, of("live-calls", x.liveCalls))
		}
		trip, news := of("webhook-round-trip", x.roundTrip), of("last-webhook", x.lastWebhook)
		trip.needsDaemon, news.needsDaemon = true, true
		list = append(list, trip, news)
		list = append(list, of("client-credentials", x.credentials), of("redirect", x.redirect))
		account := of("account", x.account)
		account.needsDaemon = true
		directory := of("directory", x.directory)
		directory.needsDaemon = true
		list = append(list, directory, account)
		if x.number != "" {
			searches := of("searches", x.searches)
			searches.needsDaemon, searches.slow = true, true
			list = append(list, searches)
		}
	}
	return list
}

// smokeballHosts are the addresses of the tenants' Smokeballs, each once.
func (x *examination) smokeballHosts() []string {
	var list []string
	seen := map[string]bool{}
	for _, t := range x.tenants {
		auth, api, _, err := daemon.SmokeballHosts(t)
		if err != nil {
			continue // the configuration's check has refused it
		}
		for _, address := range []string{auth, api} {
			if !seen[address] {
				seen[address] = true
				list = append(list, address)
			}
		}
	}
	return list
}
