package config

import "strings"

// kind is what a key holds.
type kind int

const (
	kindSection  kind = iota // a map of keys
	kindSections             // a list of them
	kindText
	kindDigits // text that admins may write as a bare number
	kindSecret // digits, with a twin <key>_file
	kindFile   // a path in which $CREDENTIALS_DIRECTORY is replaced
	kindPath   // a path taken as it is
	kindBoolean
	kindInteger
	kindDecimal
	kindDuration
	kindDigitsList
	kindNetworks
	kindPattern
	kindLevel
	kindScope
)

// key is one key of the schema with what it holds and, of a section, its keys
// in the order they are shown.
type key struct {
	name     string
	kind     kind
	standard string // the default as it would be written; "" is the kind's empty value
	keys     []*key
}

func (k *key) key(name string) *key {
	for _, child := range k.keys {
		if child.name == name {
			return child
		}
	}
	return nil
}

func (k *key) names() string {
	names := make([]string, len(k.keys))
	for i, child := range k.keys {
		names[i] = child.name
	}
	return strings.Join(names, ", ")
}

// The values of the closed sets that code asks for.
const (
	unknownHide = "hide"
	unknownCard = "card"
	shareTenant = "tenant"
	shareAgent  = "agent"

	eventsWebhook   = "webhook"
	eventsWebsocket = "websocket"
	eventsBoth      = "both"

	dialAuto = "auto"
	dialTel  = "tel"
	dialOff  = "off"
)

// defaults is the one table of all keys: their order, kinds and defaults. A key
// ending in [] is a list of sections.
var defaults = [...]struct {
	path     string
	kind     kind
	standard string
}{
	{"public_url", kindText, ""},
	{"state_dir", kindPath, "/var/lib/smokepop"},
	{"admin_socket", kindPath, "/run/smokepop/admin.sock"},
	{"listen.agents", kindText, ":8443"},
	{"listen.pbx", kindText, ":8444"},
	{"listen.ops", kindText, "127.0.0.1:9091"},
	{"tls.cert_file", kindFile, ""},
	{"tls.key_file", kindFile, ""},
	{"tls.acme.host", kindText, ""},
	{"tls.acme.email", kindText, ""},
	{"tls.acme.ca", kindText, ""},
	{"tls.acme.ca_root_file", kindFile, ""},
	{"trusted_proxies", kindNetworks, ""},
	{"encryption_key_file", kindFile, "${CREDENTIALS_DIRECTORY}/smokepop.key"},
	{"tenants[].domain", kindText, ""},
	{"tenants[].region", kindText, "us"},
	{"tenants[].staging", kindBoolean, "false"},
	{"tenants[].scope", kindScope, "all"},
	{"tenants[].smokeball.client_id", kindDigits, ""},
	{"tenants[].smokeball.client_secret", kindSecret, ""},
	{"tenants[].smokeball.api_key", kindSecret, ""},
	{"tenants[].smokeball.refresh_token_lifetime", kindDuration, "720h"},
	{"tenants[].smokeball.endpoints.auth", kindText, ""},
	{"tenants[].smokeball.endpoints.api", kindText, ""},
	{"tenants[].smokeball.endpoints.app", kindText, ""},
	{"tenants[].smokeball.contact_link", kindText, "{app}/#/billing/view-contact/{id}/details"},
	{"tenants[].smokeball.matter_link", kindText, "{app}/#/billing/view-matter/{id}/details"},
	{"tenants[].smokeball.search_link", kindText, "{app}/#/contacts?search={number}"},
	{"tenants[].smokeball.create_link", kindText, "{app}/#/contacts?create={number}"},
	{"tenants[].smokeball.requests_per_second", kindDecimal, "5"},
	{"tenants[].smokeball.burst", kindInteger, "5"},
	{"tenants[].pbx.webhook.username", kindDigits, ""},
	{"tenants[].pbx.webhook.password", kindSecret, ""},
	{"tenants[].pbx.webhook.token", kindSecret, ""},
	{"tenants[].pbx.webhook.allow", kindNetworks, ""},
	{"tenants[].pbx.events", kindText, eventsWebhook},
	{"tenants[].pbx.aliases.event", kindDigitsList, ""},
	{"tenants[].pbx.aliases.call_id", kindDigitsList, ""},
	{"tenants[].pbx.aliases.primary_call_id", kindDigitsList, ""},
	{"tenants[].pbx.aliases.from", kindDigitsList, ""},
	{"tenants[].pbx.aliases.to", kindDigitsList, ""},
	{"tenants[].pbx.aliases.extension", kindDigitsList, ""},
	{"tenants[].pbx.aliases.direction", kindDigitsList, ""},
	{"tenants[].pbx.aliases.from_name", kindDigitsList, ""},
	{"tenants[].pbx.aliases.time", kindDigitsList, ""},
	{"tenants[].pbx.aliases.id", kindDigitsList, ""},
	{"tenants[].pbx.aliases.queue", kindDigitsList, ""},
	{"tenants[].pbx.aliases.answered_by", kindDigitsList, ""},
	{"tenants[].pbx.event_names.ringing", kindDigitsList, ""},
	{"tenants[].pbx.event_names.connected", kindDigitsList, ""},
	{"tenants[].pbx.event_names.terminated", kindDigitsList, ""},
	{"tenants[].pbx.api.url", kindText, ""},
	{"tenants[].pbx.api.username", kindDigits, ""},
	{"tenants[].pbx.api.password", kindSecret, ""},
	{"tenants[].pbx.api.ca_file", kindFile, ""},
	{"tenants[].pbx.api.user", kindDigits, ""},
	{"tenants[].pbx.api.refresh", kindDuration, "10m"},
	{"tenants[].pbx.dial", kindText, dialAuto},
	{"tenants[].pbx.country", kindText, ""}, // of the region: see countryOf
	{"tenants[].pbx.area_code", kindDigits, ""},
	{"tenants[].pbx.internal.extensions", kindPattern, "^[1-8][0-9]{1,3}$"},
	{"tenants[].pbx.internal.mailbox_prefix", kindDigits, "8"},
	{"tenants[].pbx.star_prefixes", kindDigitsList, "*"},
	{"tenants[].pbx.ignore_numbers", kindDigitsList, ""},
	{"tenants[].lookup.timeout", kindDuration, "3s"},
	{"tenants[].lookup.cache", kindDuration, "60s"},
	{"tenants[].lookup.max_contacts", kindInteger, "10"},
	{"tenants[].lookup.matters", kindBoolean, "true"},
	{"tenants[].lookup.search", kindDigitsList, ""}, // of the country: see lookup.DefaultPlan
	{"tenants[].lookup.share", kindText, shareTenant},
	{"tenants[].pops.on", kindText, "ringing"},
	{"tenants[].pops.inbound", kindBoolean, "true"},
	{"tenants[].pops.outbound", kindBoolean, "true"},
	{"tenants[].pops.unknown", kindText, unknownHide},
	{"tenants[].pops.notification", kindText, "full"},
	{"tenants[].pops.sound", kindBoolean, "false"},
	{"tenants[].pops.lock", kindDigitsList, ""},
	{"tenants[].agents_file", kindFile, ""},
	{"tenants[].agents[].extension", kindDigits, ""},
	{"tenants[].agents[].name", kindText, ""},
	{"tenants[].agents[].email", kindText, ""},
	{"tenants[].agents[].groups", kindDigitsList, ""},
	{"sign_in.invite", kindBoolean, "true"},
	{"sign_in.pbx_password", kindBoolean, "false"},
	{"sign_in.oidc.issuer", kindText, ""},
	{"sign_in.oidc.client_id", kindDigits, ""},
	{"sign_in.oidc.client_secret", kindSecret, ""},
	{"sign_in.oidc.name", kindText, ""},
	{"sign_in.oidc.scopes", kindDigitsList, "openid,email,profile"},
	{"admins[].email", kindText, ""},
	{"admins[].tenants", kindDigitsList, ""},
	{"embed.allowed_parents", kindDigitsList, ""},
	{"tracing.otlp_endpoint", kindText, ""},
	{"tracing.sample_ratio", kindDecimal, "1"},
	{"tracing.headers", kindSecret, ""},
	{"cluster.nats.urls", kindDigitsList, ""},
	{"cluster.nats.creds_file", kindFile, ""},
	{"cluster.nats.tls.ca_file", kindFile, ""},
	{"cluster.nats.tls.cert_file", kindFile, ""},
	{"cluster.nats.tls.key_file", kindFile, ""},
	{"cluster.node", kindText, ""},
	{"cluster.name", kindText, "smokepop"},
	{"cluster.replicas", kindInteger, "3"},
	{"log.level", kindLevel, "info"},
	{"log.format", kindText, "auto"},
	{"audit.file", kindPath, ""},
}

// schema returns the table as a tree, with the <key>_file twins of secrets.
func schema() *key {
	root := &key{}
	for _, row := range defaults {
		at := root
		steps := strings.Split(row.path, ".")
		for _, step := range steps[:len(steps)-1] {
			name, list := strings.CutSuffix(step, "[]")
			next := at.key(name)
			if next == nil {
				next = &key{name: name}
				if list {
					next.kind = kindSections
				}
				at.keys = append(at.keys, next)
			}
			at = next
		}
		name := steps[len(steps)-1]
		at.keys = append(at.keys, &key{name: name, kind: row.kind, standard: row.standard})
		if row.kind == kindSecret {
			at.keys = append(at.keys, &key{name: name + fileSuffix, kind: kindFile})
		}
	}
	return root
}

// fileSuffix makes a secret's key the key of the file that holds it.
const fileSuffix = "_file"

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
