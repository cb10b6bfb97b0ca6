package config

import (
	"strings"
)

// checkEvents checks where a tenant's events come from and what they are
// called.
func (l *loader) checkEvents(p *PBX, path string) {
	l.oneOf(path+".events", "source", p.Events, eventsWebhook, eventsWebsocket, eventsBoth)
	l.oneOf(path+".dial", "choice", p.Dial, dialAuto, dialTel, dialOff)
	if p.LiveStates() && p.API.URL == "" && !l.known(path+".events", path+".api.url") {
		l.problem(path+".events", "is %s, and api.url is not set: name the PBX there, or write webhook", p.Events)
	}
	owner := map[string]string{}
	for _, a := range p.Aliases.ByField() {
		l.names(path+".aliases."+a.Field, a.Names, owner)
	}
	owner = map[string]string{}
	l.names(path+".event_names.ringing", p.EventNames.Ringing, owner)
	l.names(path+".event_names.connected", p.EventNames.Connected, owner)
	l.names(path+".event_names.terminated", p.EventNames.Terminated, owner)
}

// names checks one list of names; owner has the key of each name seen so far.
// Whether a name is built in for another field is for the event side to say.
func (l *loader) names(path string, names []string, owner map[string]string) {
	for i, name := range names {
		at := index(path, i)
		if l.known(at) {
			continue
		}
		folded := strings.ToLower(name)
		switch {
		case strings.TrimSpace(name) != name || name == "" || len(name) > 64:
			l.problem(at, "must be 1 to 64 characters without blanks around them")
		case strings.ContainsAny(name, "{}"):
			l.problem(at, "%s: write the name alone, without braces", quote(name))
		case owner[folded] != "":
			l.problem(at, "%s is a name of %s already", quote(name), owner[folded])
		default:
			owner[folded] = path
		}
	}
}
