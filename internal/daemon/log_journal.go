package daemon

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/coreos/go-systemd/v22/journal"

	"github.com/smokepop/smokepop/internal/audit"
)

// journalHandler writes text lines that begin with the syslog level in angle
// brackets, which the journal reads as the entry's priority (sd-daemon(3)).
// The journal keeps the time itself.
//
// Where the journal itself is at the other end, an audit line goes to it by its
// own protocol, with a field for each of its attributes, so that it can be asked
// for them: journalctl SMOKEPOP_AUDIT=1 SMOKEPOP_AUDIT_EVENT=dial.
type journalHandler struct {
	text slog.Handler
	out  *priorityWriter
	// fields sends an entry with fields of its own; nil: there is no journal.
	fields func(message string, p journal.Priority, vars map[string]string) error
}

// priorityWriter collects one record and writes it with its priority in one
// write, as the journal takes a line for an entry.
type priorityWriter struct {
	mu  sync.Mutex
	w   io.Writer
	buf bytes.Buffer
}

func (p *priorityWriter) Write(b []byte) (int, error) { return p.buf.Write(b) }

func newJournalHandler(w io.Writer, level slog.Leveler) *journalHandler {
	out := &priorityWriter{w: w}
	return &journalHandler{out: out, text: slog.NewTextHandler(out, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
				return slog.Attr{}
			}
			return a
		},
	})}
}

func (h *journalHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.text.Enabled(ctx, l)
}

func (h *journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.text = h.text.WithAttrs(attrs)
	return &c
}

func (h *journalHandler) WithGroup(name string) slog.Handler {
	c := *h
	c.text = h.text.WithGroup(name)
	return &c
}

func (h *journalHandler) Handle(ctx context.Context, r slog.Record) error {
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	h.out.buf.Reset()
	h.out.buf.WriteString(priority(r.Level))
	if err := h.text.Handle(ctx, r); err != nil {
		return err
	}
	line := h.out.buf.Bytes()
	if vars := auditFields(r); vars != nil && h.fields != nil {
		message := bytes.TrimSuffix(bytes.TrimPrefix(line, []byte(priority(r.Level))), []byte{'\n'})
		if h.fields(string(message), journal.PriInfo, vars) == nil {
			return nil
		} // where it does not take that, the line will do
	}
	_, err := h.out.w.Write(line)
	return err
}

// auditFields are the journal's fields of an audit line; nil of any other.
func auditFields(r slog.Record) (vars map[string]string) {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != audit.Group {
			return true
		}
		vars = map[string]string{"SYSLOG_IDENTIFIER": "smokepopd", "SMOKEPOP_AUDIT": "1"}
		for _, inner := range a.Value.Group() {
			vars["SMOKEPOP_AUDIT_"+strings.ToUpper(inner.Key)] = inner.Value.String()
		}
		return false
	})
	return vars
}

func priority(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "<3>"
	case l >= slog.LevelWarn:
		return "<4>"
	case l >= slog.LevelInfo:
		return "<6>"
	}
	return "<7>"
}
