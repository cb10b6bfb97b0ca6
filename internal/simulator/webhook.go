package simulator

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
)

// EventKind is a Vodia webhook event.
type EventKind string

// The events that concern calls: acturl_newcall, acturl_connect, acturl_call.
const (
	NewCall EventKind = "newcall"
	Connect EventKind = "connect"
	CallEnd EventKind = "call"
)

// Webhook is one webhook's settings, as an admin writes them on the PBX. URL
// and Body may hold variables: {call-id}, {primary-call-id}, {from}, {from-display},
// {to}, {domain}, {extension}, {direction}, {queue}, {answered-by}, {id}, {time}.
type Webhook struct {
	Method, URL        string
	Username, Password string // Basic, when Username is set
	Headers            map[string]string
	Encoding           string // json, form or "" (text): how variables enter the body, and the Content-Type
	Body               string

	user string // for {user}, also without Basic
}

// Hooks are the webhooks set on one level; one without a URL is off.
type Hooks map[EventKind]Webhook

// Encoding is one of the three ways smokepop's webhook may be written.
type Encoding string

// The ways.
const (
	JSONBody    Encoding = "json"
	FormBody    Encoding = "form"
	QueryString Encoding = "query"
)

// Access is what a webhook identifies itself with.
type Access struct {
	Username, Password string
	Token              string // X-Smokepop-Token
}

// fields are the names an event's facts travel by, in a fixed order.
var fields = [...][2]string{
	{"call_id", "call-id"}, {"primary_call_id", "primary-call-id"}, {"from", "from"}, {"to", "to"}, {"from_name", "from-display"}, {"direction", "direction"},
	{"queue", "queue"}, {"answered_by", "answered-by"}, {"id", "id"}, {"time", "time"},
}

// SmokepopHooks returns the webhooks an admin sets for smokepop at base, on an
// account when extension is given, else on the tenant.
func SmokepopHooks(base, extension string, enc Encoding, a Access) Hooks {
	out := Hooks{}
	for _, kind := range []EventKind{NewCall, Connect, CallEnd} {
		h := Webhook{Method: "POST", URL: strings.TrimSuffix(base, "/") + "/hooks/vodia/{domain}", Username: a.Username, Password: a.Password}
		if a.Token != "" {
			h.Headers = map[string]string{"X-Smokepop-Token": a.Token}
		}
		if extension != "" {
			h.URL += "/" + string(kind) + "/" + url.PathEscape(extension)
		}
		var pairs []string
		for _, f := range fields {
			pairs = append(pairs, f[0]+"={"+f[1]+"}")
		}
		switch enc {
		case QueryString:
			h.Method = "GET"
			h.URL += "?event=" + string(kind) + "&" + strings.Join(pairs, "&")
		case FormBody:
			h.Encoding, h.Body = "form", "event="+string(kind)+"&"+strings.Join(pairs, "&")
		default:
			h.Encoding = "json"
			h.Body = `{"event":"` + string(kind) + `"`
			for _, f := range fields {
				h.Body += `,"` + f[0] + `":"{` + f[1] + `}"`
			}
			h.Body += "}"
		}
		out[kind] = h
	}
	return out
}

var variable = regexp.MustCompile(`\{\{[^{}]*\}\}|\{[a-z0-9_-]+\}`)

// fill puts values into a template. A variable that has no value becomes empty,
// or stays as it is written when literal is set; what stands in double braces
// is left alone, and so are the braces of JSON.
func fill(template string, values map[string]string, escape func(string) string, literal bool) string {
	return variable.ReplaceAllStringFunc(template, func(m string) string {
		if strings.HasPrefix(m, "{{") {
			return m
		}
		value, known := values[m[1:len(m)-1]]
		if !known || value == "" {
			if literal {
				return m
			}
			return ""
		}
		return escape(value)
	})
}

func escapeJSON(s string) string {
	b, _ := json.Marshal(s) // a string: cannot fail
	return string(b[1 : len(b)-1])
}

func (h Webhook) contentType() string {
	switch h.Encoding {
	case "json":
		return "application/json"
	case "form":
		return "application/x-www-form-urlencoded"
	}
	return "text/plain"
}

func (h Webhook) escape() func(string) string {
	switch h.Encoding {
	case "json":
		return escapeJSON
	case "form":
		return url.QueryEscape
	}
	return func(s string) string { return s }
}
