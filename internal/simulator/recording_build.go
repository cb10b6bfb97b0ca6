package simulator

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// builder makes a recording of its file and collects what is wrong with it.
type builder struct {
	file     recordingFile
	firm     *Firm
	out      Recording
	now      time.Duration
	problems []error
}

func (b *builder) wrong(format string, args ...any) {
	b.problems = append(b.problems, fmt.Errorf(format, args...))
}

func (b *builder) head() {
	if b.file.Title == "" {
		b.wrong("title: say in a line what the recording shows")
	}
	if len(b.file.Covers) == 0 {
		b.wrong("covers: name at least one property")
	}
	for _, p := range b.file.Covers {
		if !slices.Contains(Properties(), p) {
			b.wrong("covers: unknown property %q", p)
		}
	}
	if !slices.Contains([]string{"", "webhook", "websocket"}, b.file.Only) {
		b.wrong("only: %q: use webhook, websocket or nothing", b.file.Only)
	}
	for _, id := range slices.Sorted(maps.Keys(b.file.Calls)) {
		c := b.file.Calls[id]
		if c.Shows != nil {
			b.out.cards = append(b.out.cards, c.card(id))
		}
		if c.Direction != "inbound" && c.Direction != "outbound" && c.Direction != "" {
			b.wrong("calls.%s.direction: %q: use inbound, outbound or nothing", id, c.Direction)
		}
		if c.From == "" || c.To == "" {
			b.wrong("calls.%s: from and to are needed", id)
		}
		if s := c.Shows; s != nil && !b.knows(s) {
			b.wrong("calls.%s.shows: the firm does not have %q for %s", id, s.Contacts, s.Number)
		}
		if s := c.Shows; s != nil && s.Direction == "" && c.Direction == "" {
			b.wrong("calls.%s.shows.direction: needed where the PBX tells none", id)
		}
	}
}

// knows tells whether the firm's address book has these contacts for the
// number, so that a recording cannot expect what nobody could find.
func (b *builder) knows(s *recordedCard) bool {
	for _, c := range b.firm.Callers {
		if c.E164() == s.Number {
			return slices.Equal(sorted(c.Names), sorted(s.Contacts))
		}
	}
	return false
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

func (b *builder) beat(at string, beat recordedBeat) {
	switch {
	case beat.At == 0: // together with what came before
	case beat.At < b.now:
		b.wrong("%s.at: %s is before %s", at, beat.At, b.now)
	default:
		b.now = beat.At
	}
	switch {
	case beat.Send != "" && beat.See != nil:
		b.wrong("%s: send and see are two entries", at)
	case beat.Send != "":
		b.step(at, beat)
	case beat.See != nil:
		b.sight(at, beat.See)
	default:
		b.wrong("%s: send or see is needed", at)
	}
}

func (b *builder) step(at string, beat recordedBeat) {
	if !slices.Contains([]EventKind{NewCall, Connect, CallEnd}, beat.Send) {
		b.wrong("%s.send: %q: use newcall, connect or call", at, beat.Send)
	}
	c, ok := b.file.Calls[beat.Call]
	if !ok {
		b.wrong("%s.call: %q is not in calls", at, beat.Call)
	}
	if beat.Extension != "" && !b.isAgent(beat.Extension) {
		b.wrong("%s.ext: the firm has no extension %q", at, beat.Extension)
	}
	if n := len(b.out.Sights); n > 0 && b.out.Sights[n-1].At == b.now {
		b.wrong("%s.at: has to be later than what was seen at %s", at, b.now)
	}
	st := Step{
		At: b.now, Event: beat.Send, Extension: beat.Extension, CallID: beat.Call, ID: fmt.Sprintf("%s-e%d", beat.Call, len(b.out.Steps)+1),
		From: c.From, FromName: c.FromName, To: c.To, Direction: c.Direction, Queue: c.Queue, AnsweredBy: beat.By, Lost: beat.Lost,
	}
	if beat.Leg != "" {
		st.CallID, st.Primary = beat.Leg, beat.Call
	}
	if beat.To != "" {
		st.To = beat.To
	}
	b.out.Steps = append(b.out.Steps, st)
}

func (b *builder) sight(at string, see map[string]recordedView) {
	s := Sight{At: b.now, After: len(b.out.Steps), Views: map[string]View{}}
	for _, a := range b.firm.Agents {
		s.Views[a.Extension] = View{}
	}
	for ext, v := range see {
		if !b.isAgent(ext) {
			b.wrong("%s.see: the firm has no extension %q", at, ext)
		}
		var view View
		for _, p := range v.Pops {
			card, state := b.card(at, p)
			if state != "ringing" && state != "connected" {
				b.wrong("%s.see.%s.pops: %q: say a call and ringing or connected", at, ext, p)
			}
			if card.Number != "" && len(card.Contacts) == 0 {
				b.wrong("%s.see.%s.pops: %q: nobody has the number, there is no pop", at, ext, p)
			}
			view.Pops = append(view.Pops, Shown{card, state})
		}
		for _, p := range v.Recent {
			card, how := b.card(at, p)
			e := Ended{Card: card, How: Ending(how)}
			if by, ok := strings.CutPrefix(how, string(EndedElsewhere)+" "); ok {
				e.How, e.By = EndedElsewhere, by
			}
			if e.How != EndedMissed && e.How != EndedSpoken && e.By == "" {
				b.wrong("%s.see.%s.recent: %q: say a call and missed, ended or answered by somebody", at, ext, p)
			}
			view.Recent = append(view.Recent, e)
		}
		s.Views[ext] = view
	}
	b.out.Sights = append(b.out.Sights, s)
}

// card is what the call that a phrase begins with shows, and the rest of the
// phrase.
func (b *builder) card(at, phrase string) (Card, string) {
	ids, rest, _ := strings.Cut(phrase, " ")
	calls := strings.Split(ids, "/")
	for _, id := range calls {
		if b.file.Calls[id].Shows == nil {
			b.wrong("%s.see: %q: call %q shows nothing", at, phrase, id)
			return Card{}, rest
		}
	}
	out := b.file.Calls[calls[0]].card(calls[0])
	out.Or = calls[1:]
	return out, rest
}

func (c recordedCall) card(id string) Card {
	return Card{
		Call: id, Number: c.Shows.Number, Direction: cmp.Or(c.Shows.Direction, c.Direction), Contacts: c.Shows.Contacts,
		Queue: c.Shows.Queue, Dialled: c.Shows.Dialled,
	}
}

func (b *builder) isAgent(extension string) bool {
	return slices.ContainsFunc(b.firm.Agents, func(a Agent) bool { return a.Extension == extension })
}

func (b *builder) whole() {
	switch n := len(b.out.Sights); {
	case len(b.out.Steps) == 0:
		b.wrong("timeline: nothing is sent")
	case n == 0 || b.out.Sights[n-1].After < len(b.out.Steps):
		b.wrong("timeline: it has to end with what the agents see")
	default:
		for ext, v := range b.out.End().Views {
			if len(v.Pops) > 0 {
				b.wrong("timeline: at the end %s still sees a pop", ext)
			}
		}
	}
}
