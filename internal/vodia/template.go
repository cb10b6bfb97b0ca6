package vodia

import (
	"net/url"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Encoding is one of the ways the webhooks of smokepop may be written.
type Encoding string

// The ways.
const (
	JSON  Encoding = "json"  // a JSON body
	Form  Encoding = "form"  // a form body
	Query Encoding = "query" // all in the address, no brace but those of variables
)

// Encodings lists the ways, the one to try first before the others.
func Encodings() []Encoding { return []Encoding{JSON, Form, Query} }

// Template makes the webhooks that a PBX needs for smokepop.
type Template struct {
	Base     string // where the PBX reaches smokepop: scheme, host and port
	Domain   string // the tenant
	Username string // for Basic; empty: none
	Password screenpop.Secret
	Token    screenpop.Secret // of the header X-Smokepop-Token; empty: none
	Encoding Encoding
}

// Event is a webhook that smokepop needs.
type Event struct {
	Setting  string // such as acturl_newcall
	Part     string // its part of the address
	Friendly string // as the PBX's pages call it
}

// Events lists the webhooks that smokepop needs.
func Events() []Event {
	return []Event{
		{HookNewCall, "newcall", "When a new call comes in"},
		{HookConnect, "connect", "When a call is connected"},
		{HookCall, "call", "When a call ends"},
	}
}

// Variable is a variable of the PBX's that a template uses.
type Variable struct {
	Key  string // the name it is sent under
	Name string // its name between braces
	// Seen says where the name is documented or has been seen; empty: nowhere,
	// it is a guess that only a real PBX can confirm.
	Seen string
}

// Variables lists what the templates use. Names that nobody has published are
// tried in several spellings; what a PBX leaves unfilled counts as absent.
func Variables() []Variable {
	return []Variable{
		{"call_id", "call-id", ""}, {"call-id", "call_id", ""}, {"callid", "callid", ""},
		{"primary_call_id", "primary-call-id", ""},
		{"from", "from", ""}, {"from_number", "from-number", ""},
		{"to", "to", "for a new call and a voicemail, in a public installation"}, {"to_number", "to-number", ""},
		{"from_name", "from-display", "in Vodia's description of its REST API"},
		{"direction", "direction", ""},
		{"queue", "queue", ""},
	}
}

// prefix begins the address of every webhook of smokepop's for the tenant.
func (t Template) prefix() string {
	return strings.TrimRight(t.Base, "/") + "/hooks/vodia/" + url.PathEscape(t.Domain)
}

// Mine tells whether a webhook is one that this template made, for whatever
// level, event and encoding: its address leads to the tenant's at smokepop.
func (t Template) Mine(h Hook) bool {
	rest, ok := strings.CutPrefix(h.URL, t.prefix())
	return ok && (rest == "" || rest[0] == '/' || rest[0] == '?')
}

// Hooks returns the webhooks for a level, by setting. An account's have its
// extension in the address, since no published variable names it.
func (t Template) Hooks(level Level) map[string]Hook {
	out := map[string]Hook{}
	for _, e := range Events() {
		out[e.Setting] = t.hook(e, level)
	}
	return out
}

func (t Template) hook(e Event, level Level) Hook {
	h := Hook{Method: "POST", URL: t.prefix(), Auth: "none"}
	if level != Tenant {
		h.URL += "/" + e.Part + "/" + url.PathEscape(string(level))
	}
	if t.Username != "" {
		h.Auth, h.User, h.Password = "basic", t.Username, t.Password
	}
	if t.Token != "" {
		h.Headers = "X-Smokepop-Token: " + t.Token.Reveal()
	}
	pairs := make([]pair, 0, len(Variables())+1)
	if level == Tenant { // an account's has it in the path
		pairs = append(pairs, pair{"event", e.Part})
	}
	for _, v := range Variables() {
		pairs = append(pairs, pair{v.Key, "{" + v.Name + "}"})
	}
	switch t.Encoding {
	case Query:
		h.Method, h.URL = "GET", h.URL+"?"+joined(pairs)
	case Form:
		h.Encoding, h.Body = "form", joined(pairs)
	case JSON:
		h.Encoding, h.Body = "json", jsonBody(pairs)
	}
	return h
}

// pair is a key and a value in which nothing has to be escaped: the braces of
// variables must reach the PBX as they are.
type pair struct{ key, value string }

func joined(pairs []pair) string {
	parts := make([]string, len(pairs))
	for i, p := range pairs {
		parts[i] = p.key + "=" + p.value
	}
	return strings.Join(parts, "&")
}

func jsonBody(pairs []pair) string {
	parts := make([]string, len(pairs))
	for i, p := range pairs {
		parts[i] = `"` + p.key + `":"` + p.value + `"`
	}
	return "{" + strings.Join(parts, ",") + "}"
}
