package simulator

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// hookNames are the webhook settings of a level: the account's, and on the
// tenant two more.
func hookNames(level string) []string {
	names := []string{
		"acturl_call", "acturl_newcall", "acturl_connect", "acturl_mailbox", "acturl_emergency", "acturl_dnd", "acturl_cleardnd",
		"acturl_wakeupcall", "acturl_clearwakeup", "acturl_missedwakeup", "acturl_roomcleaned",
	}
	if level == "" {
		names = append(names, "acturl_trunkchange", "notification_url")
	}
	return names
}

// Hooks returns what is set on an extension, or on the tenant for "", by
// setting name, as the PBX's pages show it: passwords masked. What is not set
// is not in it.
func (p *PBX) Hooks(extension string) map[string]string {
	out := p.hookSettings(extension)
	maps.DeleteFunc(out, func(_, value string) bool { return value == "" })
	return out
}

// hookSettings returns a level's webhook settings.
func (p *PBX) hookSettings(level string) map[string]string {
	out := map[string]string{}
	for name, h := range p.hooksOf(level) {
		out[name] = h.String()
	}
	for _, name := range hookNames(level) {
		if _, ok := out[name]; !ok {
			out[name] = ""
		}
	}
	return out
}

// hooksOf returns what is set on a level: the options' webhooks until somebody
// changes them.
func (p *PBX) hooksOf(level string) map[string]hookJSON {
	p.mu.Lock()
	set, ok := p.hooks[level]
	p.mu.Unlock()
	if ok {
		return maps.Clone(set) // a set is never changed, only replaced
	}
	hooks := p.opts.Tenant
	if level != "" {
		hooks = nil
		if p.opts.Account != nil {
			hooks = p.opts.Account(level)
		}
	}
	out := map[string]hookJSON{}
	for kind, h := range hooks {
		if h.URL != "" {
			out["acturl_"+string(kind)] = settingOf(h)
		}
	}
	return out
}

// SetHook sets a webhook by hand, as an admin does: name is the setting's, an
// empty value takes it off. It returns false for what the PBX would refuse.
func (p *PBX) SetHook(extension, name, value string) bool {
	return p.setHooks(extension, map[string]string{name: value})
}

// setHooks changes settings, all of them or none. A masked password leaves the
// one that is set.
func (p *PBX) setHooks(level string, set map[string]string) bool {
	hooks := p.hooksOf(level)
	for name, value := range set {
		if !slices.Contains(hookNames(level), name) {
			return false
		}
		if value == "" {
			delete(hooks, name)
			continue
		}
		var h hookJSON
		if json.Unmarshal([]byte(value), &h) != nil || h.URL != "" && !strings.Contains(h.URL, "://") {
			return false
		}
		if h.Pass == masked {
			h.Pass = hooks[name].Pass
		}
		if h.URL == "" {
			delete(hooks, name)
			continue
		}
		hooks[name] = h
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hooks[level] = hooks
	return true
}

// hook is the webhook a step fires.
func (p *PBX) hook(step Step) Webhook {
	h, ok := p.hooksOf(step.Extension)["acturl_"+string(step.Event)]
	if !ok {
		return Webhook{}
	}
	return h.webhook()
}

func settingOf(h Webhook) hookJSON {
	out := hookJSON{Auth: "none", Body: h.Body, Encoding: h.Encoding, Method: h.Method, URL: h.URL}
	if h.Username != "" {
		out.Auth, out.User, out.Pass = "basic", h.Username, h.Password
	}
	for _, name := range slices.Sorted(maps.Keys(h.Headers)) {
		out.Headers += name + ": " + h.Headers[name] + "\r\n"
	}
	return out
}

func (h hookJSON) webhook() Webhook {
	out := Webhook{Method: h.Method, URL: h.URL, Encoding: h.Encoding, Body: h.Body, Headers: map[string]string{}}
	if strings.EqualFold(h.Auth, "basic") {
		out.Username = h.User
	}
	out.Password, out.user = h.Pass, h.User
	for line := range strings.Lines(h.Headers) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			out.Headers[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return out
}
