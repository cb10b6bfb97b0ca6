package screenpop

import (
	"net/url"
	"strings"
)

// PopSettings is what an agent wants to see.
type PopSettings struct {
	// On is the state a pop appears at: Ringing or Connected.
	On State
	// Inbound and Outbound turn pops on per direction.
	Inbound, Outbound bool
	// UnknownCard shows a card without a contact when nobody has the number.
	// Off, an unknown caller shows nothing.
	UnknownCard bool
	// SearchLink and CreateLink lead from that card into Smokeball's web app;
	// {number} stands for the caller's number. An empty one is not shown.
	SearchLink, CreateLink string
	// Matters has the matters of a pop's contacts fetched once the agent has
	// taken the call or opened the card.
	Matters bool
}

// With returns the settings with an agent's own in their place.
func (s PopSettings) With(a AgentSettings) PopSettings {
	s.On, s.Inbound, s.Outbound = a.On, a.Inbound, a.Outbound
	return s
}

// links returns what an unknown caller's card leads to; nil for nowhere.
func (s PopSettings) links(n Number) *Links {
	fill := func(link string) string {
		return strings.ReplaceAll(link, "{number}", url.QueryEscape(n.Canonical))
	}
	l := Links{Search: fill(s.SearchLink), Create: fill(s.CreateLink)}
	if l == (Links{}) {
		return nil
	}
	return &l
}

// wants tells whether calls of direction d are shown at all.
func (s PopSettings) wants(d Direction) bool {
	if d == Outbound {
		return s.Outbound
	}
	return s.Inbound
}
