package push

import "unicode/utf8"

// CloseCode tells a browser why its socket was closed. From 4000 to 4499 it
// shall reconnect, with jitter and back-off; from 4500 on it shall stop and say
// so.
type CloseCode int

// The close codes of smokepop.v1.
const (
	Restart        CloseCode = 4000 // the daemon stops or restarts
	TooSlow        CloseCode = 4008 // the browser did not take its messages
	SessionRenewed CloseCode = 4009 // the session has a new cookie
	SignedOut      CloseCode = 4501 // the agent signed out, or the session ended
	EndedByAdmin   CloseCode = 4503 // the admin ended the session
	Protocol       CloseCode = 4504 // the browser sent what smokepop.v1 does not know
)

// Ends without a close frame from us: there is nobody left to read one.
const (
	gone   CloseCode = -1 // the browser closed the socket or the connection broke
	silent CloseCode = -2 // nothing was heard for Limits.Silence
)

func closeCodes() []CloseCode {
	return []CloseCode{Restart, TooSlow, SessionRenewed, SignedOut, EndedByAdmin, Protocol, gone, silent}
}

// closeReason is what a close frame says: the code's name and, where somebody has
// given words, those after a colon. A control frame has room for 123 bytes of it
// (RFC 6455, 5.5); more is cut off.
func closeReason(c CloseCode, words string) string {
	const room, cut = 123, "…"
	reason := c.String()
	if words != "" {
		reason += ": " + words
	}
	if len(reason) <= room {
		return reason
	}
	end := room - len(cut)
	for !utf8.RuneStart(reason[end]) {
		end--
	}
	return reason[:end] + cut
}

// String names the code: the close frame's reason and the metric's label.
func (c CloseCode) String() string {
	switch c {
	case Restart:
		return "restart"
	case TooSlow:
		return "too-slow"
	case SessionRenewed:
		return "session-renewed"
	case SignedOut:
		return "signed-out"
	case EndedByAdmin:
		return "ended-by-admin"
	case Protocol:
		return "protocol"
	case gone:
		return "gone"
	case silent:
		return "silent"
	}
	return "other"
}
