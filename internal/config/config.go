package config

import (
	"log/slog"
	"net/netip"
	"regexp"
	"time"

	"github.com/smokepop/smokepop/internal/numbering"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// Config is a checked configuration. It is not changed after [Load] has
// returned it. All paths are absolute, all secrets read.
type Config struct {
	PublicURL         string         `mapstructure:"public_url"` // the origin: scheme and host, no trailing slash, no default port
	StateDir          string         `mapstructure:"state_dir"`
	AdminSocket       string         `mapstructure:"admin_socket"`
	Listen            Listen         `mapstructure:"listen"`
	TLS               TLS            `mapstructure:"tls"`
	TrustedProxies    []netip.Prefix `mapstructure:"trusted_proxies"`
	EncryptionKeyFile string         `mapstructure:"encryption_key_file"` // not read here: the vault does
	Tenants           []Tenant       `mapstructure:"tenants"`             // at least one
	SignIn            SignIn         `mapstructure:"sign_in"`
	Admins            []Admin        `mapstructure:"admins"` // none: there is no admin page
	Embed             Embed          `mapstructure:"embed"`
	Tracing           Tracing        `mapstructure:"tracing"`
	Cluster           Cluster        `mapstructure:"cluster"`
	Log               Log            `mapstructure:"log"`
	Audit             Audit          `mapstructure:"audit"`

	warnings []string
}

// Warnings lists what is allowed and yet probably not meant, one sentence each,
// beginning with the key path.
func (c *Config) Warnings() []string { return c.warnings }

// Listen has the addresses to bind, host:port. Agents and PBX may be the same:
// one listener then serves both.
type Listen struct {
	Agents string `mapstructure:"agents"`
	PBX    string `mapstructure:"pbx"`
	Ops    string `mapstructure:"ops"`
}

// TLS is where the certificate for the agents' and the PBX's listener comes
// from: two files or an ACME authority; nothing is set for plain HTTP.
type TLS struct {
	CertFile string `mapstructure:"cert_file"`
	KeyFile  string `mapstructure:"key_file"`
	ACME     ACME   `mapstructure:"acme"`
}

// ACME asks an authority for the certificate of Host, which is public_url's. It
// is off without a host.
type ACME struct {
	Host       string `mapstructure:"host"`
	Email      string `mapstructure:"email"`        // where the authority sends notices
	CA         string `mapstructure:"ca"`           // the authority's directory; empty: Let's Encrypt
	CARootFile string `mapstructure:"ca_root_file"` // trusted for asking it, beside the system's; may be empty
}

// Tenant is one PBX domain and the firm behind it.
type Tenant struct {
	Domain     screenpop.Tenant  `mapstructure:"domain"`
	Region     string            `mapstructure:"region"` // us, au or uk
	Staging    bool              `mapstructure:"staging"`
	Scope      Scope             `mapstructure:"scope"`
	Smokeball  Smokeball         `mapstructure:"smokeball"`
	PBX        PBX               `mapstructure:"pbx"`
	Lookup     Lookup            `mapstructure:"lookup"`
	Pops       Pops              `mapstructure:"pops"`
	AgentsFile string            `mapstructure:"agents_file"`
	Agents     []screenpop.Agent `mapstructure:"agents"` // those of AgentsFile too; of one extension the inline entry
}

// Scope says which agents get pops: all, or the union of extensions and groups.
type Scope struct {
	All        bool
	Extensions []string
	Groups     []string
}

// Smokeball is a firm's access to its Smokeball account.
type Smokeball struct {
	ClientID             string           `mapstructure:"client_id"`
	ClientSecret         screenpop.Secret `mapstructure:"client_secret"`
	ClientSecretFile     string           `mapstructure:"client_secret_file"`
	APIKey               screenpop.Secret `mapstructure:"api_key"`
	APIKeyFile           string           `mapstructure:"api_key_file"`
	RefreshTokenLifetime time.Duration    `mapstructure:"refresh_token_lifetime"`
	Endpoints            Endpoints        `mapstructure:"endpoints"`
	ContactLink          string           `mapstructure:"contact_link"` // with {id} and at most {app}
	MatterLink           string           `mapstructure:"matter_link"`
	SearchLink           string           `mapstructure:"search_link"` // with {number} and at most {app}; empty: no link
	CreateLink           string           `mapstructure:"create_link"` // with at most {number} and {app}; empty: no link
	RequestsPerSecond    float64          `mapstructure:"requests_per_second"`
	Burst                int              `mapstructure:"burst"`
}

// Endpoints override Smokeball's hosts; an empty one follows region and
// staging. They have no trailing slash.
type Endpoints struct {
	Auth string `mapstructure:"auth"`
	API  string `mapstructure:"api"`
	App  string `mapstructure:"app"`
}

// Lookup bounds the search for a number. Cache 0 turns the cache off.
type Lookup struct {
	Timeout     time.Duration `mapstructure:"timeout"`
	Cache       time.Duration `mapstructure:"cache"`
	MaxContacts int           `mapstructure:"max_contacts"`
	Matters     bool          `mapstructure:"matters"`
	Search      []string      `mapstructure:"search"` // a smokeball.SearchPlan; empty: by country
	Share       string        `mapstructure:"share"`  // tenant or agent
}

// PerAgent tells whether no agent gets what a colleague's search has found.
func (l Lookup) PerAgent() bool { return l.Share == shareAgent }

// Log says what is logged and in which form: auto, journal, text or json.
type Log struct {
	Level  slog.Level `mapstructure:"level"`
	Format string     `mapstructure:"format"`
}

// Audit says where it is kept who did what: in a file of its own, or, without
// one, in the log.
type Audit struct {
	File string `mapstructure:"file"`
}

// PBX is a tenant's side of the telephone.
type PBX struct {
	Webhook       Webhook    `mapstructure:"webhook"`
	Events        string     `mapstructure:"events"` // webhook, websocket or both
	Aliases       Aliases    `mapstructure:"aliases"`
	EventNames    EventNames `mapstructure:"event_names"`
	API           API        `mapstructure:"api"`
	Dial          string     `mapstructure:"dial"`    // auto, tel or off
	Country       string     `mapstructure:"country"` // ISO code, never empty
	AreaCode      string     `mapstructure:"area_code"`
	Internal      Internal   `mapstructure:"internal"`
	StarPrefixes  []string   `mapstructure:"star_prefixes"`
	IgnoreNumbers []string   `mapstructure:"ignore_numbers"` // as they were written

	Numbers *numbering.Plan    `mapstructure:"-"` // of Country and AreaCode
	Ignore  []screenpop.Number `mapstructure:"-"` // IgnoreNumbers read with Numbers
}

// Webhook says what a webhook must bring with it: everything that is set.
// Nothing is set only where the PBX's listener is on loopback.
type Webhook struct {
	Username     string           `mapstructure:"username"`
	Password     screenpop.Secret `mapstructure:"password"`
	PasswordFile string           `mapstructure:"password_file"`
	Token        screenpop.Secret `mapstructure:"token"`
	TokenFile    string           `mapstructure:"token_file"`
	Allow        []netip.Prefix   `mapstructure:"allow"`
}

// Webhooks tells whether the tenant's events come by webhook.
func (p PBX) Webhooks() bool { return p.Events != eventsWebsocket }

// LiveStates tells whether they come, also or only, by the PBX's websocket.
func (p PBX) LiveStates() bool { return p.Events != eventsWebhook }

// DialByPBX tells whether a click lets the PBX dial; TelLinks whether a number
// is a tel: link instead. Both are false where numbers are plain text.
func (p PBX) DialByPBX() bool { return p.Dial == dialAuto && p.API.URL != "" }

// TelLinks is what DialByPBX says.
func (p PBX) TelLinks() bool { return p.Dial == dialTel || p.Dial == dialAuto && p.API.URL == "" }

// Aliases are names under which a tenant's PBX sends a field, beside the
// built-in ones.
type Aliases struct {
	Event         []string `mapstructure:"event"`
	CallID        []string `mapstructure:"call_id"`
	PrimaryCallID []string `mapstructure:"primary_call_id"`
	From          []string `mapstructure:"from"`
	To            []string `mapstructure:"to"`
	Extension     []string `mapstructure:"extension"`
	Direction     []string `mapstructure:"direction"`
	FromName      []string `mapstructure:"from_name"`
	Time          []string `mapstructure:"time"`
	ID            []string `mapstructure:"id"`
	Queue         []string `mapstructure:"queue"`
	AnsweredBy    []string `mapstructure:"answered_by"`
}

// ByField returns the aliases by the field they stand for, in the order of the
// fields.
func (a Aliases) ByField() []FieldAliases {
	return []FieldAliases{
		{"event", a.Event}, {"call_id", a.CallID}, {"primary_call_id", a.PrimaryCallID}, {"from", a.From}, {"to", a.To},
		{"extension", a.Extension}, {"direction", a.Direction}, {"from_name", a.FromName}, {"time", a.Time}, {"id", a.ID},
		{"queue", a.Queue}, {"answered_by", a.AnsweredBy},
	}
}

// FieldAliases are the aliases of one field.
type FieldAliases struct {
	Field string
	Names []string
}

// EventNames are a tenant's names for the three states, beside the built-in
// ones.
type EventNames struct {
	Ringing    []string `mapstructure:"ringing"`
	Connected  []string `mapstructure:"connected"`
	Terminated []string `mapstructure:"terminated"`
}

// API is the PBX's REST interface; without a URL it is not used.
type API struct {
	URL          string           `mapstructure:"url"`
	Username     string           `mapstructure:"username"`
	Password     screenpop.Secret `mapstructure:"password"`
	PasswordFile string           `mapstructure:"password_file"`
	CAFile       string           `mapstructure:"ca_file"` // trusted for the PBX beside the system's; may be empty
	User         string           `mapstructure:"user"`    // the account live states are read as; may be empty
	Refresh      time.Duration    `mapstructure:"refresh"` // how often the directory is read
}

// Internal says which numbers are the PBX's own.
type Internal struct {
	Extensions    *regexp.Regexp `mapstructure:"extensions"`
	MailboxPrefix string         `mapstructure:"mailbox_prefix"`
}
