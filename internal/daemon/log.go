package daemon

import (
	"fmt"
	"io"
	"log/slog"
	"os"
)

// NewLogger returns the daemon's logger. format is auto, journal, text or json;
// auto is the journal's form under systemd, text on a terminal, JSON elsewhere.
func NewLogger(w io.Writer, level slog.Leveler, format string) *slog.Logger {
	if format == "auto" || format == "" {
		format = detectFormat(w)
	}
	opts := &slog.HandlerOptions{Level: level}
	switch format {
	case "journal":
		return slog.New(newJournalHandler(w, level))
	case "text":
		return slog.New(slog.NewTextHandler(w, opts))
	default:
		return slog.New(slog.NewJSONHandler(w, opts))
	}
}

func detectFormat(w io.Writer) string {
	f, ok := w.(*os.File)
	if !ok {
		return "json"
	}
	info, err := f.Stat()
	if err != nil {
		return "json"
	}
	// systemd sets JOURNAL_STREAM to the device and inode of the stream it
	// connected to the journal (systemd.exec(5)), so that a redirected stderr
	// is not mistaken for it.
	if device, inode, ok := fileID(info); ok && os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", device, inode) {
		return "journal"
	}
	if info.Mode()&os.ModeCharDevice != 0 {
		return "text"
	}
	return "json"
}
