package daemon

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestJournalLinesCarryTheirPriority(t *testing.T) {
	for level, want := range map[slog.Level]string{
		slog.LevelDebug: "<7>", slog.LevelInfo: "<6>", slog.LevelWarn: "<4>", slog.LevelError: "<3>",
	} {
		var out bytes.Buffer
		log := NewLogger(&out, slog.LevelDebug, "journal").With("component", "test")
		log.Log(t.Context(), level, "two words", "error", errors.New("line one\nline two"))
		line := out.String()
		if !strings.HasPrefix(line, want+`msg="two words" component=test error=`) {
			t.Errorf("%v: %q, want it to begin with %s and the message", level, line, want)
		}
		if strings.Count(line, "\n") != 1 {
			t.Errorf("%v: %q is not one line", level, line)
		}
	}
}

func TestLogLevelHolds(t *testing.T) {
	for _, format := range []string{"journal", "text", "json", "auto"} {
		var out bytes.Buffer
		log := NewLogger(&out, slog.LevelWarn, format)
		log.Info("quiet")
		if out.Len() > 0 {
			t.Errorf("%s: info was written at level warn: %q", format, out.String())
		}
		log.Error("loud")
		if !strings.Contains(out.String(), "loud") {
			t.Errorf("%s: an error was not written", format)
		}
	}
}
