package vodia

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Same tells whether two webhooks do the same, as far as can be seen: a
// password reads as asterisks, and those are like any.
func (h Hook) Same(other Hook) bool {
	return h.shown() == other.shown() &&
		(h.Password == other.Password || masked(h.Password) || masked(other.Password))
}

// identical is Same for who writes: a password that cannot be compared has to
// be written again.
func (h Hook) identical(other Hook) bool {
	return h.shown() == other.shown() && h.Password == other.Password
}

// shown is what of a webhook can be compared.
func (h Hook) shown() [7]string {
	auth := strings.ToLower(h.Auth)
	if auth == "none" {
		auth = ""
	}
	return [7]string{strings.ToUpper(h.Method), h.URL, auth, h.User, h.Headers, strings.ToLower(h.Encoding), h.Body}
}

// masked tells whether a password is what the PBX shows in its place.
func masked(p screenpop.Secret) bool { return p != "" && strings.Trim(p.Reveal(), "*") == "" }

// Set tells whether the webhook fires at all: one without URL does not.
func (h Hook) Set() bool { return h.URL != "" }

// decodeHooks reads the webhooks among settings.
func decodeHooks(b []byte) (map[string]Hook, bool) {
	o := decodeSettings(b)
	if o == nil {
		return nil, false
	}
	hooks := map[string]Hook{}
	for _, folded := range sortedKeys(o) {
		name, ok := strings.CutPrefix(folded, "acturl")
		if name = "acturl_" + name; !ok || !hookName(name) {
			continue
		}
		value := o[folded]
		var inner string
		if json.Unmarshal(value, &inner) == nil {
			value = json.RawMessage(strings.TrimSpace(inner))
		}
		if h, ok := decodeHook(value); ok {
			hooks[name] = h
		}
	}
	return hooks, true
}

// decodeHook reads one webhook. What is set but no webhook that can be read is
// one all the same: its URL stands for it, so that it is not overwritten as if
// nothing were there.
func decodeHook(value json.RawMessage) (Hook, bool) {
	value = bytes.TrimSpace(value)
	switch string(value) {
	case "", "null", "{}", "[]", "false":
		return Hook{}, false
	}
	var raw map[string]json.RawMessage
	if json.Unmarshal(value, &raw) != nil {
		h := Hook{URL: clean(string(value))}
		return h, h.Set()
	}
	word := func(name string) string {
		var s string
		if json.Unmarshal(raw[name], &s) != nil {
			return plain(raw[name])
		}
		return s
	}
	h := Hook{
		Method: word("method"), URL: word("url"), Auth: word("auth"), User: word("user"),
		Password: screenpop.Secret(word("pass")), Headers: word("headers"), Encoding: word("encoding"), Body: word("body"),
		Raw: slices.Clone(value),
	}
	return h, h.Set() || h.Body != ""
}

// setting is the JSON string that is stored for the webhook; empty takes it
// off.
func (h Hook) setting() string {
	if !h.Set() {
		return ""
	}
	fields := map[string]any{"region": ""}
	var raw map[string]any
	if json.Unmarshal(h.Raw, &raw) == nil {
		maps.Copy(fields, raw)
	}
	auth := h.Auth
	if auth == "" {
		auth = "none"
	}
	for k, v := range map[string]string{
		"method": h.Method, "url": h.URL, "auth": auth, "user": h.User, "pass": h.Password.Reveal(),
		"headers": h.Headers, "encoding": h.Encoding, "body": h.Body,
	} {
		fields[k] = v
	}
	b, err := json.Marshal(fields)
	if err != nil { // strings, and what was JSON before, always can
		return ""
	}
	return string(b)
}
