package pbxevents

import (
	"slices"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// card is what an agent sees as one call: a leg, or several that are one call
// to the agent. It goes up with the first of them and ends with the last.
type card struct {
	agent screenpop.Agent
	call  screenpop.Call // as it was offered last
	legs  []*leg
	ended time.Time
	// answered: the agent spoke with the party.
	answered bool
	// compared: legs that begin are compared with it.
	compared bool
	n        int // what it goes by in a [Piece]: those made later have a higher one
}

// How close legs have to be to be one to the agent.
const (
	// joinWindow is how long after one source the other is expected to tell of
	// the same leg.
	joinWindow = 10 * time.Second
	// justEnded is how long after an end the other source may still tell of the
	// leg as live.
	justEnded = 3 * time.Second
	// lateRinging is how long after a leg's end another phone's ringing counts as
	// late, and how long a transferor's leg still tells of a transfer.
	lateRinging = 5 * time.Second
)

// maxCards bounds what a leg that begins is compared with: more calls at once or
// just ended has no agent.
const maxCards = 32

func (c *card) live() bool { return c.call.State != screenpop.Terminated }

// deal finds the card a leg that begins goes on, or takes a new one, and shows it.
func (s *step) deal(l *leg, blank *card) {
	switch twin, c := s.twinOf(l), s.sameParty(l); {
	case twin != nil:
		s.keep(twin)
		l.twin, twin.twin = twin, l
		if !twin.live() {
			s.silence(l)
			s.joined = append(s.joined, joining{l.agent.Extension, twin.card.call.ID, bothSources})
			return
		}
		s.join(l, twin.card, bothSources)
	case c != nil:
		s.join(l, c, sameParty)
	default:
		blank.agent, blank.call, blank.legs, blank.n = l.agent, l.call, append(blank.legs, l), s.tr.moved.nextCard()
		blank.call.State = ""
		l.card = blank
		s.dealt = append(s.dealt, l.card)
	}
	s.show(l.card, "", "")
}

// joining is a leg that is no call of its own to the agent, and why.
type joining struct {
	extension screenpop.Extension
	call      screenpop.CallID // as the agent's screens know it
	why       string
}

const (
	bothSources = "both sources tell of this call"
	sameParty   = "the agent's call with this party goes on under another id"
)

func (s *step) join(l *leg, c *card, why string) {
	s.joined = append(s.joined, joining{l.agent.Extension, c.call.ID, why})
	s.keepCard(c)
	c.legs = slices.DeleteFunc(slices.Clone(c.legs), func(x *leg) bool { return !x.live() })
	c.legs = append(c.legs, l)
	l.card = c
}

// twinOf returns the leg that is l as the other source tells it: the same agent,
// number and direction under an id that the other source never used.
func (s *step) twinOf(l *leg) *leg {
	if s.tr.sources == l.source || l.of.sources&^l.source != 0 {
		return nil // there is no other source, or both know the call by one id
	}
	var ended *leg
	for _, c := range s.tr.cards[l.agent.Extension] {
		if !c.of(l) {
			continue
		}
		for _, x := range c.legs {
			if x.of == l.of || x.source == l.source || x.twin != nil || x.of.sources&l.source != 0 {
				continue
			}
			near := s.now.Sub(x.call.Started) <= joinWindow
			switch {
			case x.live() && (near || l.source == byLiveList): // a list tells of what began long ago
				return x
			case !x.live() && near && s.now.Sub(x.stopped) <= justEnded && ended == nil:
				ended = x
			}
		}
	}
	return ended
}

// sameParty returns the live card of the agent that the leg of another call
// belongs to, because the agent's call with the party only goes on under another
// id: the leg comes up connected, or a colleague speaks with the party and hands
// it over. Otherwise a party that calls again is a second call.
func (s *step) sameParty(l *leg) *card {
	for _, c := range s.tr.cards[l.agent.Extension] {
		if c.live() && c.call.ID == l.call.ID {
			return c // the agent's screens know it by this id
		}
		if !c.live() || !c.of(l) || c.has(l.of) {
			continue
		}
		if l.call.State == screenpop.Connected && c.answered || s.handedOver(l) {
			return c
		}
	}
	return nil
}

// handedOver tells whether a colleague speaks with the leg's party, or did just
// now.
func (s *step) handedOver(l *leg) bool {
	if len(s.tr.spoken) == 0 {
		return false
	}
	for _, c := range s.tr.spoken[otherSideOf(l.call)] {
		if c.agent.Extension != l.agent.Extension && !c.has(l.of) && (c.live() || s.now.Sub(c.ended) <= lateRinging) {
			return true
		}
	}
	return false
}

// otherSide is who is on the other side of a call, and who called whom.
type otherSide struct {
	number    string // canonical
	direction screenpop.Direction
}

func otherSideOf(c screenpop.Call) otherSide { return otherSide{c.Number.Canonical, c.Direction} }

// add puts a card where legs that begin are compared with it.
func (t *tracker) add(c *card) {
	c.compared = true
	t.cards[c.agent.Extension] = append(t.cards[c.agent.Extension], c)
	t.speak(c)
}

// speak notes that a card's agent spoke with its party, if that is so and legs
// that begin are compared with the card.
func (t *tracker) speak(c *card) {
	if p := otherSideOf(c.call); c.compared && c.answered && !slices.Contains(t.spoken[p], c) {
		t.spoken[p] = append(t.spoken[p], c)
	}
}

// drop forgets that a card's agent spoke with its party.
func (t *tracker) drop(c *card) {
	c.compared = false
	if !c.answered {
		return
	}
	p := otherSideOf(c.call)
	if left := slices.DeleteFunc(t.spoken[p], func(x *card) bool { return x == c }); len(left) > 0 {
		t.spoken[p] = left
	} else {
		delete(t.spoken, p)
	}
}

// of tells whether a card is of the leg's party.
func (c *card) of(l *leg) bool {
	return otherSideOf(c.call) == otherSideOf(l.call)
}

func (c *card) has(of *call) bool {
	return slices.ContainsFunc(c.legs, func(l *leg) bool { return l.of == of && l.live() })
}

// expired tells whether nothing was heard of a card for longer than a call
// lasts.
func (c *card) expired(now time.Time) bool {
	life := ringingLife
	var news time.Time
	for _, l := range c.legs {
		if !l.live() {
			continue
		}
		if l.answered() {
			life = connectedLife
		}
		if l.news.After(news) {
			news = l.news
		}
	}
	return now.Sub(news) >= life
}

// prune drops cards that nothing is compared with any more.
func (t *tracker) prune(e screenpop.Extension, now time.Time) {
	left := slices.DeleteFunc(t.cards[e], func(c *card) bool {
		over := !c.live() && now.Sub(c.ended) > joinWindow
		if over {
			t.drop(c)
		}
		return over
	})
	if n := len(left) - maxCards; n > 0 {
		for _, c := range left[:n] {
			t.drop(c)
			t.moved.card(c)
		}
		left = slices.Delete(left, 0, n)
	}
	if len(left) == 0 {
		delete(t.cards, e)
		return
	}
	t.cards[e] = left
}
