package vodia

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync/atomic"
)

type frameCounters struct{ callStates, ignored, broken atomic.Uint64 }

// Frames tells what came over the websocket since the client was made.
func (c *Client) Frames() FrameCounts {
	return FrameCounts{c.frames.callStates.Load(), c.frames.ignored.Load(), c.frames.broken.Load()}
}

// take reads a frame and counts it. Only a list of live calls is ok.
func (c *Client) take(frame []byte) (calls []LiveCall, ok bool) {
	o := decodeObject(frame)
	if o == nil {
		c.frames.broken.Add(1)
		return nil, false
	}
	if !isCallState(o) {
		c.frames.ignored.Add(1)
		return nil, false
	}
	calls, odd, ok := decodeCalls(o, c.cfg.Domain)
	c.frames.broken.Add(uint64(odd))
	if !ok {
		c.frames.broken.Add(1)
		return nil, false
	}
	c.frames.callStates.Add(1)
	return calls, true
}

// flatKeys mark frames of a phone. They are looked for before the action.
var flatKeys = [...]string{
	"sdp", "invitesdp", "candidate", "bye", "ringtones", "response", "cancel", "cancelresponse", "info", "change",
}

func isCallState(o object) bool {
	for _, k := range flatKeys {
		if _, there := o[k]; there {
			return false
		}
	}
	return o.text("action") == "call-state"
}

// decodeCalls reads the calls of a call-state frame, and how many of them
// could not be read. A frame without a list is not ok: it is no reason to
// believe that every call has ended.
func decodeCalls(frame object, domain string) (calls []LiveCall, odd int, ok bool) {
	list, ok := records(frame["calls"])
	if !ok {
		return nil, 0, false
	}
	calls = make([]LiveCall, 0, len(list))
	for _, r := range list {
		call, readable := decodeCall(r, domain)
		if !readable {
			odd++
			continue
		}
		calls = append(calls, call)
	}
	return calls, odd, true
}

func decodeCall(r record, domain string) (LiveCall, bool) {
	if r.object == nil {
		return LiveCall{}, false
	}
	l := LiveCall{
		ID:         firstOf(r.text("id", "call-id", "callid"), r.key),
		PrimaryID:  r.text("primary-call-id", "primary-callid", "primary"),
		State:      strings.ToLower(r.text("state", "status")),
		From:       r.text("from-number", "from-user", "from"),
		FromName:   r.text("from-name", "from-display"),
		To:         r.text("to-number", "to-user", "to"),
		ToName:     r.text("to-name", "to-display"),
		Extensions: extensionsOf(r.texts("extension", "extensions"), domain),
		Direction:  direction(r.object),
		Queue:      r.text("queue", "acd", "hunt", "group"),
	}
	switch l.State {
	case "alerting", "ringing", "early", "trying", "calling", "proceeding":
	case "connected", "answered", "active", "talking", "holding", "hold", "held", "onhold":
		l.Connected = true
	case "terminated", "ended", "disconnected", "released", "hangup", "bye", "closed", "finished":
		l.Ended = true
	default: // a word that is not known: the time of the answer tells
		at := r.text("connect", "connected")
		l.Connected = strings.Trim(at, "0.") != "" && at != "false"
	}
	if l.ID == "" {
		l.ID = madeID(l, r.text("start", "time-start"))
	}
	return l, l.ID != ""
}

// madeID names a call whose id is not told by what stays the same throughout.
// It is hashed, because ids are logged and numbers are not.
func madeID(l LiveCall, start string) string {
	if l.From == "" && l.To == "" && start == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{l.From, l.To, start}, "\x00")))
	return "live-" + hex.EncodeToString(sum[:12])
}

// extensionsOf takes the asterisk and the tenant off the extensions.
func extensionsOf(list []string, domain string) []string {
	var out []string
	for _, s := range list {
		s = local(strings.TrimSpace(strings.Trim(s, "* ")), domain)
		if s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// direction reads which way a call goes, where the PBX says so.
func direction(o object) string {
	switch strings.ToLower(o.text("direction", "dir")) {
	case "inbound", "in", "i", "incoming":
		return "inbound"
	case "outbound", "out", "o", "outgoing":
		return "outbound"
	case "internal", "local":
		return "internal"
	}
	if external, said := o.flag("external"); said && !external {
		return "internal"
	}
	switch inbound, said := o.flag("inbound"); {
	case said && inbound:
		return "inbound"
	case said:
		return "outbound"
	}
	return ""
}
