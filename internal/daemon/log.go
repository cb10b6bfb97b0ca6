package daemon

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/coreos/go-systemd/v22/journal"
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
		h := newJournalHandler(w, level)
		if isJournal(w) {
			h.fields = journal.Send
		}
		return slog.New(h)
	case "text":
		return slog.New(slog.NewTextHandler(w, opts))
	default:
		return slog.New(slog.NewJSONHandler(w, opts))
	}
}

func detectFormat(w io.Writer) string {
	if isJournal(w) {
		return "journal"
	}
	if info := statOf(w); info != nil && info.Mode()&os.ModeCharDevice != 0 {
		return "text"
	}
	return "json"
}

// isJournal tells whether w is connected to the journal. systemd sets
// JOURNAL_STREAM to the device and inode of the stream it connected
// (systemd.exec(5)), so that a redirected stderr is not mistaken for it.
func isJournal(w io.Writer) bool {
	info := statOf(w)
	if info == nil {
		return false
	}
	device, inode, ok := fileID(info)
	return ok && os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", device, inode)
}

// statOf returns nil for what is no file.
func statOf(w io.Writer) os.FileInfo {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	return info
}
