package config

import (
	"regexp"
	"strings"
)

func (l *loader) checkSmokeball(s *Smokeball, path string) {
	l.required(path+".client_id", s.ClientID)
	if strings.ContainsAny(s.ClientID, " \t\r\n:") {
		l.problem(path+".client_id", "must not contain blanks or colons")
	}
	l.requiredSecret(path+".client_secret", s.ClientSecret)
	l.requiredSecret(path+".api_key", s.APIKey)
	l.positive(path+".refresh_token_lifetime", s.RefreshTokenLifetime)
	if s.RequestsPerSecond <= 0 {
		l.problem(path+".requests_per_second", "must be more than 0")
	}
	if s.Burst < 1 {
		l.problem(path+".burst", "must be at least 1")
	}
	l.endpoint(path+".endpoints.auth", &s.Endpoints.Auth)
	l.endpoint(path+".endpoints.api", &s.Endpoints.API)
	l.endpoint(path+".endpoints.app", &s.Endpoints.App)
	l.link(path+".contact_link", s.ContactLink, recordLink)
	l.link(path+".matter_link", s.MatterLink, recordLink)
	l.link(path+".search_link", s.SearchLink, searchLink)
	l.link(path+".create_link", s.CreateLink, createLink)
}

// endpoint checks an optional base URL and makes it normal.
func (l *loader) endpoint(path string, value *string) {
	if *value == "" || l.known(path) {
		return
	}
	normal, err := baseURL(*value, true)
	if err != nil {
		l.problem(path, "%s", err)
		return
	}
	*value = normal
}

var braces = regexp.MustCompile(`\{[^{}]*\}|[{}]`)

// template says what the template of a link has besides {app}.
type template struct {
	filled   string // the placeholder of what the link is for
	optional bool   // there may be no such link
	bare     bool   // the placeholder may be left out
}

var (
	recordLink = template{filled: "{id}"}
	searchLink = template{filled: "{number}", optional: true}
	createLink = template{filled: "{number}", optional: true, bare: true}
)

// link checks the template of a link. What is filled in may stand behind the
// host only: it must not be able to lead somewhere else.
func (l *loader) link(path, written string, like template) {
	if written == "" && like.optional {
		return
	}
	if l.required(path, written); l.known(path) {
		return
	}
	for _, found := range braces.FindAllString(written, -1) {
		if found != "{app}" && found != like.filled {
			l.problem(path, "%s is not known: the placeholders are {app} and %s", quote(found), like.filled)
			return
		}
	}
	rest, app := strings.CutPrefix(written, "{app}")
	if strings.Contains(rest, "{app}") {
		l.problem(path, "{app} may stand once, at the beginning")
		return
	}
	if n := strings.Count(rest, like.filled); n > 1 || n == 0 && !like.bare {
		l.problem(path, "must contain %s once", like.filled)
		return
	}
	before, _, _ := strings.Cut(rest, like.filled)
	if app {
		if !strings.HasPrefix(rest, "/") && !strings.HasPrefix(rest, "#") && !strings.HasPrefix(rest, "?") {
			l.problem(path, "must go on with / after {app}")
		}
		return
	}
	scheme, after, _ := strings.Cut(before, "://")
	host, _, hasPath := strings.Cut(after, "/")
	if _, err := baseURL(scheme+"://"+host, false); err != nil || !hasPath {
		l.problem(path, "must begin with {app}/ or with https:// and a host")
	}
}
