package audit

import (
	"context"
	"log/slog"
	"strings"
	"time"
	"unicode"
)

// Recorder takes what was done into the record. It returns when the line is
// written, never fails towards the caller and may be called from many
// goroutines: what is recorded goes on whether its line could be kept or not.
type Recorder interface {
	Record(ctx context.Context, e Entry)
}

// Discard is a Recorder that keeps nothing.
var Discard Recorder = discard{}

type discard struct{}

func (discard) Record(context.Context, Entry) {}

// Outcome says what came of it.
type Outcome string

// The outcomes.
const (
	OK      Outcome = "ok"
	Refused Outcome = "refused" // who asked may not, or it made no sense
	Limited Outcome = "limited" // too often in a short time
	Failed  Outcome = "failed"  // it was allowed, and something did not work
)

// Outcomes are all of them.
func Outcomes() []Outcome { return []Outcome{OK, Refused, Limited, Failed} }

// Entry is one thing that was done, or tried.
type Entry struct {
	Event   Event
	Outcome Outcome // empty: OK
	By      Actor
	// Client is the address it came from, as far as trusted proxies are believed;
	// empty for what came by no network.
	Client string
	// Why is a short word of ours for an outcome that is not OK, such as
	// "wrong-password".
	Why string
	// Reason is what an admin gave as the reason. It is cut to MaxReason and to
	// one line.
	Reason string
	// Request is the id that the user and the log see.
	Request string
	// At is when it was done, where that is not now.
	At time.Time
}

// MaxReason is how many characters of a reason are kept.
const MaxReason = 200

// CleanReason puts what an admin wrote into one line of at most MaxReason
// characters.
func CleanReason(s string) string { return clean(s, MaxReason) }

// clean makes one line of text that somebody else wrote: nobody can write a
// second line of audit, or move a terminal's cursor.
func clean(s string, most int) string {
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > most {
		s = strings.TrimSpace(string(r[:most-1])) + "…"
	}
	return s
}

// Group is the name of the group of attributes that holds an audit line.
const Group = "audit"

// record is the entry as one record of slog: the kind is its message, all the
// rest is in the group "audit". This is the one place where lines are made.
func (e Entry) record(now time.Time) slog.Record {
	if e.Outcome == "" {
		e.Outcome = OK
	}
	kind, details := e.Event.told()
	attrs := []slog.Attr{slog.String("event", string(kind)), slog.String("outcome", string(e.Outcome))}
	attrs = append(attrs, e.By.attrs()...)
	attrs = addText(attrs, "client", e.Client)
	attrs = append(attrs, details...)
	attrs = addText(attrs, "why", clean(e.Why, MaxReason))
	attrs = addText(attrs, "reason", CleanReason(e.Reason))
	attrs = addText(attrs, "request_id", e.Request)
	if !e.At.IsZero() {
		attrs = append(attrs, slog.Time("at", e.At.UTC().Truncate(time.Second)))
	}
	r := slog.NewRecord(now, slog.LevelInfo, string(kind), 0)
	r.AddAttrs(slog.Attr{Key: Group, Value: slog.GroupValue(attrs...)})
	return r
}

func addText(attrs []slog.Attr, key, value string) []slog.Attr {
	if value == "" {
		return attrs
	}
	return append(attrs, slog.String(key, value))
}
