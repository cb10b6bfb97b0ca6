package otlp

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Lines of one call come from several goroutines and not quite in order; so
// spans are made once no more have come for a while.
const (
	quiet    = 2 * time.Second
	longest  = 15 * time.Second // a call whose lines never cease is told of in parts
	maxCalls = 4096
	maxHeld  = 256 // lines of one call
	// forgotten is when a call that said no more is over.
	forgotten = 4 * time.Hour
	// atOnce is the longest that one step can follow on another. What comes
	// later waited for somebody, who answered, dismissed or opened a page.
	atOnce = 30 * time.Second
)

type callKey struct {
	tenant screenpop.Tenant
	call   screenpop.CallID
}

// call is a call that spans are made of.
type call struct {
	lines       []line
	since, last time.Time       // when the first of lines and the last one came
	root        context.Context // nil until the first spans were made
}

// take keeps a line for its call.
func (x *Exporter) take(l line, now time.Time) {
	k := callKey{l.tenant, l.call}
	c := x.calls[k]
	if c == nil {
		if len(x.calls) >= maxCalls {
			x.forget()
		}
		c = &call{}
		x.calls[k] = c
	}
	if len(c.lines) == 0 {
		c.since = now
	}
	c.last = now
	c.lines = append(c.lines, l)
	if len(c.lines) >= maxHeld {
		x.tell(k.tenant, c)
	}
}

// forget lets a quarter of the calls go, those that have been quiet for longest:
// one at a time, strangers' calls would make each line as dear as all of them.
func (x *Exporter) forget() {
	all := make([]callKey, 0, len(x.calls))
	for k := range x.calls {
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b callKey) int { return x.calls[a].last.Compare(x.calls[b].last) })
	for _, k := range all[:maxCalls/4] {
		x.tell(k.tenant, x.calls[k])
		delete(x.calls, k)
	}
}

// build makes spans of the calls that are quiet, or of all.
func (x *Exporter) build(now time.Time, all bool) {
	for k, c := range x.calls {
		if all || now.Sub(c.last) >= quiet || now.Sub(c.since) >= longest {
			x.tell(k.tenant, c)
		}
		if now.Sub(c.last) >= forgotten {
			delete(x.calls, k)
		}
	}
}

// tell makes the spans of a call's lines. The root ends with the first lines
// that are told of: what comes minutes later is in the same trace, behind it.
func (x *Exporter) tell(tenant screenpop.Tenant, c *call) {
	lines := c.lines
	c.lines = nil
	if len(lines) == 0 {
		return
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Or(a.at.Compare(b.at), order(a.step)-order(b.step)) })
	if c.root == nil {
		start, end := lines[0].took(time.Time{})
		for _, l := range lines {
			began, ended := l.took(time.Time{})
			start = earlier(start, began)
			if ended.After(end) {
				end = ended
			}
		}
		ctx, root := x.tracer.Start(context.Background(), "call",
			trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(start),
			trace.WithAttributes(attribute.String("smokepop.tenant", string(tenant))))
		c.root = ctx
		root.End(trace.WithTimestamp(end))
	}
	before := map[screenpop.Extension]time.Time{}
	for _, l := range lines {
		last := before[l.agent]
		if l.at.Sub(last) >= atOnce {
			last = time.Time{}
		}
		began, ended := l.took(last)
		var whose []attribute.KeyValue
		if l.agent != "" {
			whose = []attribute.KeyValue{attribute.String("smokepop.agent", x.hashed(tenant, l.agent))}
		}
		if l.step == screenpop.StepLookup && l.timing != nil && !last.IsZero() {
			x.span(c.root, "queue", "", earlier(last, began), began, whose...)
		}
		if l.state != "" {
			whose = append(whose, attribute.String("smokepop.state", l.state))
		}
		of := x.span(c.root, string(l.step), l.verdict, began, ended, whose...)
		if l.timing != nil {
			for _, s := range l.timing.Stages {
				x.span(of, s.Name, s.Verdict, s.Began, s.Ended)
			}
		}
		if l.step != screenpop.StepFrame { // no step follows on one screen of several
			before[l.agent] = ended
		}
	}
}

// took returns when a step began and ended. One that was not measured began
// where the agent's step before it ended, and ended as it was recorded.
func (l line) took(before time.Time) (began, ended time.Time) {
	switch {
	case l.timing != nil:
		return l.timing.Began, l.timing.Ended
	case before.IsZero() || l.step == screenpop.StepEvent:
		return l.at, l.at
	}
	return earlier(before, l.at), l.at
}

// earlier also puts right what other goroutines' clocks read a moment apart.
func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// span makes a span below another and returns what is below it.
func (x *Exporter) span(above context.Context, name, verdict string, began, ended time.Time, attrs ...attribute.KeyValue) context.Context {
	if verdict != "" {
		attrs = append([]attribute.KeyValue{attribute.String("smokepop.verdict", word(verdict))}, attrs...)
	}
	below, s := x.tracer.Start(above, word(name), trace.WithTimestamp(began), trace.WithAttributes(attrs...))
	s.End(trace.WithTimestamp(ended))
	return below
}

// order is that in which a call takes the steps.
func order(s screenpop.Step) int {
	return slices.Index([]screenpop.Step{screenpop.StepEvent, screenpop.StepFlow, screenpop.StepLookup, screenpop.StepPush, screenpop.StepFrame}, s)
}

// hashed tells agents apart and does not tell who they are.
func (x *Exporter) hashed(t screenpop.Tenant, e screenpop.Extension) string {
	h := hmac.New(sha256.New, x.key)
	h.Write([]byte(t))
	h.Write([]byte{0})
	h.Write([]byte(e))
	return hex.EncodeToString(h.Sum(nil)[:6])
}

var words = regexp.MustCompile(`^[a-z][a-z-]{0,39}$`)

// word lets words of a closed set pass, and nothing that could be somebody's.
func word(s string) string {
	if words.MatchString(s) {
		return s
	}
	return "other"
}

func stateOf(detail string) string {
	switch s := screenpop.State(detail); s {
	case screenpop.Ringing, screenpop.Connected, screenpop.Terminated:
		return string(s)
	}
	return ""
}

// kindOf says what kind of failure a collector is.
func kindOf(err error) string {
	var asked *url.Error
	var op *net.OpError
	var answered status
	var some *partial
	switch {
	case errors.As(err, &answered):
		return answered.Error()
	case errors.As(err, &some):
		return some.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &op):
		return op.Op + ": " + op.Err.Error()
	case errors.As(err, &asked):
		return "cannot be reached"
	}
	return "its answer broke off"
}
