package vodia

import (
	"encoding/json"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// The webhooks that smokepop is about; each is the name of a setting.
const (
	HookNewCall = "acturl_newcall" // a call begins
	HookConnect = "acturl_connect" // a call is answered
	HookCall    = "acturl_call"    // a call has ended
)

// Level says whose webhooks are meant: an account's, by its extension, or the
// whole tenant's.
type Level string

// Tenant is the level of the whole tenant.
const Tenant Level = ""

// Hook is one webhook: an HTTP request that the PBX sends, with {variables}
// filled in. The zero Hook is one that is not set.
type Hook struct {
	Method   string
	URL      string
	Auth     string // none, basic, ...
	User     string
	Password screenpop.Secret // reads as asterisks from the PBX
	Headers  string
	Encoding string // json, form, ...
	Body     string
	// Raw is what was read, with fields that are not known here. Writing a Hook
	// with Raw keeps those.
	Raw json.RawMessage
}
