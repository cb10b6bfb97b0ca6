package daemon

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
)

// journalHandler writes text lines that begin with the syslog level in angle
// brackets, which the journal reads as the entry's priority (sd-daemon(3)).
// The journal keeps the time itself.
type journalHandler struct {
	text slog.Handler
	out  *priorityWriter
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
	return &journalHandler{text: h.text.WithAttrs(attrs), out: h.out}
}

func (h *journalHandler) WithGroup(name string) slog.Handler {
	return &journalHandler{text: h.text.WithGroup(name), out: h.out}
}

func (h *journalHandler) Handle(ctx context.Context, r slog.Record) error {
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	h.out.buf.Reset()
	h.out.buf.WriteString(priority(r.Level))
	if err := h.text.Handle(ctx, r); err != nil {
		return err
	}
	_, err := h.out.w.Write(h.out.buf.Bytes())
	return err
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
