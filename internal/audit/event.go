package audit

import (
	"log/slog"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Kind names what was done. It is the line's message and its field "event".
type Kind string

// Event is what was done, with what is to be known of it. The types of this
// package are all there are.
type Event interface {
	told() (Kind, []slog.Attr)
}

// The kinds of events.
const (
	KindStart            Kind = "start"
	KindStop             Kind = "stop"
	KindReload           Kind = "reload"
	KindSignIn           Kind = "sign-in"
	KindSignOut          Kind = "sign-out"
	KindInvite           Kind = "invite"
	KindFrame            Kind = "frame"
	KindPairBegin        Kind = "pair-begin"
	KindPair             Kind = "pair"
	KindPairAccount      Kind = "pair-account"
	KindUnpair           Kind = "unpair"
	KindPairingEnd       Kind = "pairing-end"
	KindSettings         Kind = "settings"
	KindDial             Kind = "dial"
	KindKeyRotation      Kind = "key-rotation"
	KindBackup           Kind = "backup"
	KindRestore          Kind = "restore"
	KindDirectoryRefresh Kind = "directory-refresh"
	KindDoctor           Kind = "doctor"
	KindCapture          Kind = "capture"
	KindAdminLink        Kind = "admin-link"
	KindAdminSignIn      Kind = "admin-sign-in"
	KindAdminSignOut     Kind = "admin-sign-out"
	KindDryRun           Kind = "dry-run"
)

// Kinds are all kinds of events.
func Kinds() []Kind {
	return []Kind{
		KindStart, KindStop, KindReload, KindSignIn, KindSignOut, KindInvite, KindFrame, KindPairBegin, KindPair, KindPairAccount, KindUnpair,
		KindPairingEnd, KindSettings, KindDial, KindKeyRotation, KindBackup, KindRestore, KindDirectoryRefresh, KindDoctor,
		KindCapture, KindAdminLink, KindAdminSignIn, KindAdminSignOut, KindDryRun,
	}
}

// Start is a daemon that has begun to serve. Config is a fingerprint of the
// configuration without its secrets: two that are the same have the same.
type Start struct{ Version, Config string }

func (e Start) told() (Kind, []slog.Attr) {
	return KindStart, []slog.Attr{slog.String("version", e.Version), slog.String("config", e.Config)}
}

// Stop is a daemon that ends in order.
type Stop struct{}

func (Stop) told() (Kind, []slog.Attr) { return KindStop, nil }

// Reload is a configuration that was read again. Changed are the keys whose
// values are others now, Problems those that it was refused for.
type Reload struct {
	Config   string // as in Start; empty when it was refused
	Changed  []string
	Problems []string
}

func (e Reload) told() (Kind, []slog.Attr) {
	attrs := addText(nil, "config", e.Config)
	attrs = addText(attrs, "changed", some(e.Changed))
	return KindReload, addText(attrs, "problems", some(e.Problems))
}

// some keeps a line at the length of a line.
func some(keys []string) string {
	const most = 50
	if len(keys) > most {
		keys = append(keys[:most:most], "and more")
	}
	return strings.Join(keys, " ")
}

// SignIn is somebody who signs in, or tries. Who has succeeded is an agent with
// the new session. Of one who was refused, Agent is whom he or she tried to be,
// as far as that could be told.
type SignIn struct {
	Method string // invite, pbx_password, oidc; empty: refused before that was read
	Agent  screenpop.AgentID
	Email  string // that the identity provider vouches for and no agent has
}

func (e SignIn) told() (Kind, []slog.Attr) {
	attrs := append(addText(nil, "method", e.Method), agentAttr(e.Agent)...)
	return KindSignIn, addText(attrs, "email", clean(e.Email, maxName))
}

// SignOut is a session that has ended, or all of an agent's.
type SignOut struct {
	Agent    screenpop.AgentID
	Session  string // the one; empty: all of them
	Device   string
	Sessions int // how many
	Cause    SignOutCause
}

// SignOutCause is why a session has ended.
type SignOutCause string

// The causes.
const (
	SignedOut SignOutCause = "asked"     // the agent, or an admin, wanted it
	Replaced  SignOutCause = "replaced"  // the browser has signed in anew
	Surplus   SignOutCause = "surplus"   // the agent has too many
	OutOfTime SignOutCause = "expired"   // not used for too long, or too old
	NoAgent   SignOutCause = "agent-out" // the agent is not in the configuration any more
)

func (e SignOut) told() (Kind, []slog.Attr) {
	attrs := append(agentAttr(e.Agent), slog.String("cause", string(e.Cause)))
	attrs = addText(attrs, "ended_session", e.Session)
	attrs = addText(attrs, "ended_device", e.Device)
	return KindSignOut, append(attrs, slog.Int("sessions", e.Sessions))
}

// Invite is an invite link that was made.
type Invite struct {
	Agent   screenpop.AgentID
	Expires time.Time
}

func (e Invite) told() (Kind, []slog.Attr) {
	return KindInvite, append(agentAttr(e.Agent), timeAttr("expires", e.Expires)...)
}

// Frame is a page elsewhere that was connected to an agent's session. Step is
// "ticket" or "connect".
type Frame struct {
	Agent screenpop.AgentID
	Step  string
}

func (e Frame) told() (Kind, []slog.Attr) {
	return KindFrame, append(agentAttr(e.Agent), slog.String("step", e.Step))
}

// PairBegin is an agent who was sent to Smokeball to pair.
type PairBegin struct{ Agent screenpop.AgentID }

func (e PairBegin) told() (Kind, []slog.Attr) { return KindPairBegin, agentAttr(e.Agent) }

// Pair is an agent who has come back from there. Expires is nil where nothing was
// paired.
type Pair struct {
	Agent   screenpop.AgentID
	Expires *time.Time
}

func (e Pair) told() (Kind, []slog.Attr) {
	attrs := agentAttr(e.Agent)
	if e.Expires != nil {
		attrs = append(attrs, timeAttr("expires", *e.Expires)...)
	}
	return KindPair, attrs
}

// PairAccount is what Smokeball has told, some time after pairing, of who signed
// in there: whether that is somebody with the agent's e-mail address.
type PairAccount struct {
	Agent        screenpop.AgentID
	EmailMatches bool
}

func (e PairAccount) told() (Kind, []slog.Attr) {
	return KindPairAccount, append(agentAttr(e.Agent), slog.Bool("email_matches", e.EmailMatches))
}

// Unpair is an authorisation that was given back.
type Unpair struct {
	Agent     screenpop.AgentID
	WasPaired bool
	Revoked   bool // Smokeball has confirmed it
}

func (e Unpair) told() (Kind, []slog.Attr) {
	return KindUnpair, append(agentAttr(e.Agent), slog.Bool("was_paired", e.WasPaired), slog.Bool("revoked", e.Revoked))
}

// PairingEnd is an authorisation that has come to its end by itself: it was
// revoked at Smokeball or its time is over.
type PairingEnd struct{ Agent screenpop.AgentID }

func (e PairingEnd) told() (Kind, []slog.Attr) { return KindPairingEnd, agentAttr(e.Agent) }

// Settings is an agent who has changed settings, named by their names.
type Settings struct {
	Agent screenpop.AgentID
	Names []string
}

func (e Settings) told() (Kind, []slog.Attr) {
	return KindSettings, addText(agentAttr(e.Agent), "changed", some(e.Names))
}

// Dial is a click on a number. The number is masked here.
type Dial struct {
	Agent  screenpop.AgentID
	Number string
}

func (e Dial) told() (Kind, []slog.Attr) {
	// Clipped first: it may be whatever a client made up.
	number := screenpop.Mask(e.Number[:min(len(e.Number), 40)])
	return KindDial, append(agentAttr(e.Agent), slog.String("number", clean(number, 40)))
}

// KeyRotation is a key file that was read again, or everything sealed with its
// first key. Step is "read", "sealed" or, where it was done without a daemon,
// "rotated". Keys are ids; they open nothing.
type KeyRotation struct {
	Step    string
	Keys    []string // the sealing one first
	Records int
}

func (e KeyRotation) told() (Kind, []slog.Attr) {
	attrs := []slog.Attr{slog.String("step", e.Step), slog.String("keys", some(e.Keys))}
	if e.Records > 0 {
		attrs = append(attrs, slog.Int("records", e.Records))
	}
	return KindKeyRotation, attrs
}

// Backup is a backup that was taken.
type Backup struct{ Records, LeftOut int }

func (e Backup) told() (Kind, []slog.Attr) {
	return KindBackup, []slog.Attr{slog.Int("records", e.Records), slog.Int("left_out", e.LeftOut)}
}

// Restore is a backup that was put in the place of the store.
type Restore struct {
	Records int
	Key     string    // the id of the key it was sealed with
	Created time.Time // when the backup was taken
}

func (e Restore) told() (Kind, []slog.Attr) {
	attrs := append([]slog.Attr{slog.Int("records", e.Records)}, timeAttr("created", e.Created)...)
	return KindRestore, addText(attrs, "keys", e.Key)
}

// DirectoryRefresh is a PBX's directory that somebody had read; an empty tenant
// stands for all.
type DirectoryRefresh struct{ Tenant screenpop.Tenant }

func (e DirectoryRefresh) told() (Kind, []slog.Attr) {
	return KindDirectoryRefresh, tenantAttr(e.Tenant)
}

// Doctor is a check that asks Smokeball, for a firm or with an agent's own
// authorisation.
type Doctor struct {
	Check string
	Agent screenpop.AgentID
}

func (e Doctor) told() (Kind, []slog.Attr) {
	return KindDoctor, append([]slog.Attr{slog.String("check", e.Check)}, agentAttr(e.Agent)...)
}

// Capture is somebody who has watched webhooks as they arrive.
type Capture struct {
	Tenant screenpop.Tenant
	For    time.Duration
}

func (e Capture) told() (Kind, []slog.Attr) {
	return KindCapture, append(tenantAttr(e.Tenant), slog.String("for", e.For.String()))
}

// AdminLink is a link that signs an admin in.
type AdminLink struct {
	Admin   string
	Expires time.Time
}

func (e AdminLink) told() (Kind, []slog.Attr) {
	return KindAdminLink, append(addText(nil, "admin", clean(e.Admin, maxName)), timeAttr("expires", e.Expires)...)
}

// AdminSignIn is an admin who signs in, or tries: what SignIn is for agents.
type AdminSignIn struct{ Method, Admin string }

func (e AdminSignIn) told() (Kind, []slog.Attr) {
	return KindAdminSignIn, addText([]slog.Attr{slog.String("method", e.Method)}, "admin", clean(e.Admin, maxName))
}

// AdminSignOut is an admin's session that has ended.
type AdminSignOut struct {
	Admin string
	Cause SignOutCause
}

func (e AdminSignOut) told() (Kind, []slog.Attr) {
	return KindAdminSignOut, append(addText(nil, "admin", clean(e.Admin, maxName)), slog.String("cause", string(e.Cause)))
}

// DryRun is an event that an admin tried, with nothing sent.
type DryRun struct{ Tenant screenpop.Tenant }

func (e DryRun) told() (Kind, []slog.Attr) { return KindDryRun, tenantAttr(e.Tenant) }

// agentAttr names an agent, or a tenant where there is no extension.
func agentAttr(id screenpop.AgentID) []slog.Attr {
	if id.Extension == "" {
		return tenantAttr(id.Tenant)
	}
	return []slog.Attr{slog.String("agent", clean(id.String(), maxName))}
}

func tenantAttr(t screenpop.Tenant) []slog.Attr {
	return addText(nil, "tenant", clean(string(t), maxName))
}

func timeAttr(key string, t time.Time) []slog.Attr {
	if t.IsZero() {
		return nil
	}
	return []slog.Attr{slog.Time(key, t.UTC().Truncate(time.Second))}
}
