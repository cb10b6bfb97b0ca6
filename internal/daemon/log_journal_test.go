package daemon

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/journal"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// The journal gets an audit line with a field for each of its attributes; when it
// takes none, and of every other line, it gets text.
func TestAuditLinesHaveFieldsInTheJournal(t *testing.T) {
	var stream bytes.Buffer
	var message string
	var vars map[string]string
	var refuse error
	h := newJournalHandler(&stream, slog.LevelError)
	h.fields = func(m string, p journal.Priority, v map[string]string) error {
		message, vars = m, v
		return refuse
	}
	agent := screenpop.AgentID{Tenant: "firm.example.com", Extension: "101"}
	entry := audit.Entry{By: audit.ByAgent(agent, "9f86d081884c7d65", "Chrome on Windows"), Client: "203.0.113.7", Event: audit.Dial{Agent: agent, Number: "+16173998147"}}
	record := audit.NewLog(limitAudit(h, limited(t, &bytes.Buffer{})), nil)

	record.Record(t.Context(), entry)
	for field, want := range map[string]string{
		"SMOKEPOP_AUDIT": "1", "SMOKEPOP_AUDIT_EVENT": "dial", "SMOKEPOP_AUDIT_OUTCOME": "ok", "SMOKEPOP_AUDIT_WHO": "101@firm.example.com",
		"SMOKEPOP_AUDIT_CLIENT": "203.0.113.7", "SMOKEPOP_AUDIT_NUMBER": "**********47", "SYSLOG_IDENTIFIER": "smokepopd",
	} {
		if vars[field] != want {
			t.Errorf("%s is %q, want %q", field, vars[field], want)
		}
	}
	if !strings.HasPrefix(message, "msg=dial audit.event=dial ") || strings.HasSuffix(message, "\n") || stream.Len() > 0 {
		t.Errorf("message %q, stream %q", message, stream.String())
	}

	refuse = errors.New("no journal")
	record.Record(t.Context(), entry)
	if !strings.HasPrefix(stream.String(), "<6>msg=dial audit.event=dial ") {
		t.Errorf("without the journal: %q", stream.String())
	}
	stream.Reset()
	vars = nil
	slog.New(h).Error("something else", "audited", true)
	if vars != nil || !strings.HasPrefix(stream.String(), "<3>msg=") {
		t.Errorf("another line: %v, %q", vars, stream.String())
	}
}
