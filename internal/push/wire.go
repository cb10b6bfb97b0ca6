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

// encodePop writes a pop as it stands in pop and update frames and in hello: what
// encoding/json makes of it, with no list null, at a fraction of its objects.
func encodePop(p screenpop.Pop) ([]byte, error) {
	if y := p.Call.Started.UTC().Year(); y < 0 || y > 9999 {
		return nil, errors.New("a call's start has no RFC 3339 form")
	}
	b := make([]byte, 0, popSize(&p))
	b = appendField(b, `{"id":`, p.ID)
	b = appendField(b, `,"call":{"id":`, string(p.Call.ID))
	b = appendField(b, `,"direction":`, string(p.Call.Direction))
	b = appendField(b, `,"state":`, string(p.Call.State))
	b = appendField(b, `,"number":`, p.Call.Number.Canonical)
	b = appendField(b, `,"display":`, p.Call.Number.Display)
	b = appendField(b, `,"queue":`, p.Call.Queue)
	b = append(b, `,"started":"`...)
	b = p.Call.Started.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `"},"contacts":[`...)
	for i := range p.Contacts {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendContact(b, &p.Contacts[i])
	}
	b = append(b, `],"more":`...)
	b = strconv.AppendInt(b, int64(p.More), 10)
	if p.Links != nil {
		b = appendField(b, `,"links":{"search":`, p.Links.Search)
		b = appendField(b, `,"create":`, p.Links.Create)
		b = append(b, '}')
	}
	if p.Pending {
		b = append(b, `,"pending":true`...)
	}
	return append(b, '}'), nil
}

// popSize is about how long an encoded pop is: enough for most.
func popSize(p *screenpop.Pop) int {
	n := 288
	for i := range p.Contacts {
		c := &p.Contacts[i]
		n += 144 + len(c.Name) + len(c.Company) + len(c.Email) + len(c.URL)
		for j := range c.Matters {
			n += 128 + len(c.Matters[j].Title) + len(c.Matters[j].URL)
		}
	}
	return n
}

func appendContact(b []byte, c *screenpop.Contact) []byte {
	b = appendField(b, `{"id":`, c.ID)
	b = appendField(b, `,"name":`, c.Name)
	b = appendField(b, `,"kind":`, string(c.Kind))
	b = appendField(b, `,"company":`, c.Company)
	b = appendField(b, `,"email":`, c.Email)
	b = appendField(b, `,"matched":`, c.Matched)
	b = appendField(b, `,"url":`, c.URL)
	b = append(b, `,"matters":[`...)
	for i := range c.Matters {
		m := &c.Matters[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = appendField(b, `{"id":`, m.ID)
		b = appendField(b, `,"number":`, m.Number)
		b = appendField(b, `,"title":`, m.Title)
		b = appendField(b, `,"status":`, m.Status)
		b = appendField(b, `,"url":`, m.URL)
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

// appendField writes what stands before a value, and the value.
func appendField(b []byte, before, value string) []byte {
	return appendString(append(b, before...), value)
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

// surroundings are what hello says of what is around smokepop.
type surroundings struct {
	service ServiceState
	cluster ClusterState // empty: nothing is said of it
}

// hello writes the first message of a socket: all there is to show.
func hello(g greeting, around surroundings, r *room) []byte {
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
	b = appendService(b, around.service)
	if around.cluster != "" {
		b = append(b, `,"cluster":`...)
		b = appendCluster(b, around.cluster)
	}
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
