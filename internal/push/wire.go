package push

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Subprotocol is the protocol's name and version in the websocket handshake.
const Subprotocol = "smokepop.v1"

// A pop is encoded once, before any lock is taken, and its bytes are kept. The
// frames below are put together from such bytes: what happens under a room's
// lock is copying.

// encodePop writes a pop as it stands in pop and update frames and in hello.
func encodePop(p screenpop.Pop) ([]byte, error) {
	p.Contacts = withLists(p.Contacts)
	return json.Marshal(p)
}

// withLists returns contacts with no list nil, so that none is null on the
// wire. It copies what it changes: contacts may be shared with the look-up.
func withLists(contacts []screenpop.Contact) []screenpop.Contact {
	if contacts == nil {
		return []screenpop.Contact{}
	}
	copied := false
	for i, c := range contacts {
		if c.Matters != nil {
			continue
		}
		if !copied {
			contacts, copied = append([]screenpop.Contact(nil), contacts...), true
		}
		contacts[i].Matters = []screenpop.Matter{}
	}
	return contacts
}

// encodePast writes a call that ended without a pop, as it stands in past
// frames and in hello.
func encodePast(p screenpop.EndedPop) ([]byte, error) {
	pop, err := encodePop(p.Pop)
	if err != nil {
		return nil, err
	}
	return encodeEnded(pop, p.Ended, p.Reason, p.AnsweredBy, p.Outcome), nil
}

// encodeEnded makes of a pop's bytes those of a screenpop.EndedPop.
func encodeEnded(pop []byte, ended time.Time, reason screenpop.EndReason, answeredBy string, outcome screenpop.Outcome) []byte {
	b := make([]byte, 0, len(pop)+160)
	b = append(b, pop[:len(pop)-1]...)
	b = append(b, `,"ended":"`...)
	b = ended.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","reason":`...)
	b = appendString(b, string(reason))
	b = append(b, `,"answered_by":`...)
	b = appendString(b, answeredBy)
	b = append(b, `,"outcome":`...)
	b = appendString(b, string(outcome))
	return append(b, '}')
}

// frame writes a numbered message around the bytes of a pop or a pairing.
func frame(kind string, seq uint64, key string, value []byte) []byte {
	b := make([]byte, 0, len(value)+64)
	b = appendHead(b, kind, seq)
	b = append(b, `,"`...)
	b = append(b, key...)
	b = append(b, `":`...)
	b = append(b, value...)
	return append(b, '}')
}

func endFrame(seq uint64, id string, reason screenpop.EndReason, answeredBy string) []byte {
	b := appendHead(make([]byte, 0, 160), "end", seq)
	b = append(b, `,"id":`...)
	b = appendString(b, id)
	b = append(b, `,"reason":`...)
	b = appendString(b, string(reason))
	b = append(b, `,"answered_by":`...)
	b = appendString(b, answeredBy)
	return append(b, '}')
}

func appendHead(b []byte, kind string, seq uint64) []byte {
	b = append(b, `{"type":"`...)
	b = append(b, kind...)
	b = append(b, `","seq":`...)
	return strconv.AppendUint(b, seq, 10)
}

// greeting is what hello says of the agent, encoded.
type greeting struct {
	agent, pairing []byte
	settings       []byte // nil: nothing is said of them
}

// hello writes the first message of a socket: all there is to show.
func hello(g greeting, state ServiceState, r *room) []byte {
	size := 128 + len(g.agent) + len(g.pairing) + len(g.settings)
	for _, p := range r.live {
		size += len(p.body) + 1
	}
	for _, p := range r.recent {
		size += len(p.body) + 1
	}
	b := make([]byte, 0, size)
	b = append(b, `{"type":"hello","agent":`...)
	b = append(b, g.agent...)
	b = append(b, `,"pairing":`...)
	b = append(b, g.pairing...)
	b = append(b, `,"pops":[`...)
	for i, p := range r.live {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, p.body...)
	}
	b = append(b, `],"recent":[`...)
	for i, p := range r.recent {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, p.body...)
	}
	b = append(b, `],"service":`...)
	b = appendService(b, state)
	if g.settings != nil {
		b = append(b, `,"settings":`...)
		b = append(b, g.settings...)
	}
	b = append(b, `,"seq":`...)
	b = strconv.AppendUint(b, r.seq, 10)
	return append(b, '}')
}

func appendService(b []byte, state ServiceState) []byte {
	b = append(b, `{"state":`...)
	b = appendString(b, string(state))
	return append(b, '}')
}

func appendString(b []byte, s string) []byte {
	if plain(s) {
		return append(append(append(b, '"'), s...), '"')
	}
	q, err := json.Marshal(s)
	if err != nil { // a string always has a JSON form
		panic(err)
	}
	return append(b, q...)
}

// plain tells whether a string stands in JSON as it is: nearly all of ours do.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

// request is what a browser may ask for.
type request struct {
	kind string // requestDismiss or requestOpen
	id   string // the pop's
}

const (
	requestDismiss = "dismiss" // the pop shall leave the agent's screens
	requestOpen    = "open"    // the agent has opened the pop's card
)

var errNoRequest = errors.New("no request of " + Subprotocol)

// decodeRequest reads a message of a browser. Keys it does not know are passed
// over: a newer page may say more.
func decodeRequest(b []byte) (request, error) {
	if !utf8.Valid(b) {
		return request{}, errNoRequest
	}
	var m struct {
		Type string `json:"type"`
		ID   string `json:"id"`
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return request{}, fmt.Errorf("%w: no JSON object of it", errNoRequest)
	}
	if m.Type != requestDismiss && m.Type != requestOpen || m.ID == "" {
		return request{}, errNoRequest
	}
	return request{m.Type, m.ID}, nil
}
