package audit

import (
	"bytes"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// samples are entries of every kind, with everything in them that can be.
func samples() []Entry {
	agent := screenpop.AgentID{Tenant: "firm.example.com", Extension: "101"}
	when := time.Date(2026, 11, 27, 9, 30, 0, 0, time.UTC)
	own := ByAgent(agent, "9f86d081884c7d65", "Chrome on Windows")
	root := ByUser(ActorSocket, 0, "root")
	root.Claimed = "priya"
	admin := ByAdmin("it@firm.example.com", "60303ae22b998861", "Firefox on Linux")
	return []Entry{
		{By: ByItself(ActorDaemon), Event: Start{"1.2.3", "0011223344556677"}},
		{By: ByItself(ActorDaemon), Event: Stop{}},
		{By: BySignal("SIGHUP"), Event: Reload{Config: "8899aabbccddeeff", Changed: []string{"log.level", "tenants[firm.example.com].smokeball.client_secret"}}},
		{By: BySignal("SIGHUP"), Event: Reload{Problems: []string{"tenants[0].region"}}, Outcome: Refused, Why: "configuration"},
		{By: own, Client: "203.0.113.7", Request: "ABCDEFGHIJKL", Event: SignIn{Method: "invite", Agent: agent}},
		{By: Nobody("Chrome on Windows"), Client: "203.0.113.7", Event: SignIn{Method: "oidc", Email: "nobody@firm.example.com"}, Outcome: Refused, Why: "no-agent"},
		{By: root, Event: SignOut{Agent: agent, Sessions: 2, Cause: SignedOut}, Reason: "left the firm\nforged=line"},
		{By: own, Client: "2001:db8::7", Event: SignOut{Agent: agent, Session: "60303ae22b998861", Device: "Safari on iPad", Sessions: 1, Cause: SignedOut}},
		{By: root, Event: Invite{agent, when}},
		{By: own, Event: Frame{agent, "ticket"}},
		{By: own, Event: PairBegin{agent}},
		{By: own, Event: Pair{agent, &when}},
		{By: ByItself(ActorSmokeball), Event: PairAccount{agent, false}},
		{By: admin, Client: "203.0.113.7", Event: Unpair{agent, true, false}, Reason: "left the firm"},
		{By: ByItself(ActorSmokeball), Event: PairingEnd{agent}},
		{By: own, Event: Settings{agent, []string{"inbound", "on"}}},
		{By: own, Event: Dial{agent, "+16173998147"}},
		{By: own, Event: Dial{agent, "+1617\n399\xff8147" + strings.Repeat("7", 1000)}, Outcome: Limited},
		{By: root, Event: KeyRotation{"read", []string{"5f2d", "90ab"}, 0}},
		{By: root, Event: Backup{12, 1}},
		{By: ByUser(ActorCommand, 1000, "ops"), At: when, Event: Restore{12, "5f2d", when}},
		{By: root, Event: DirectoryRefresh{"firm.example.com"}, Outcome: Failed},
		{By: root, Event: Doctor{"search", agent}},
		{By: root, Event: Capture{"firm.example.com", time.Minute}},
		{By: root, Event: AdminLink{"it@firm.example.com", when}},
		{By: admin, Event: AdminSignIn{"link", "it@firm.example.com"}},
		{By: admin, Event: AdminSignOut{"it@firm.example.com", SignedOut}},
		{By: admin, Event: DryRun{"firm.example.com"}},
	}
}

// The lines are read by other programs, years later: what they look like is
// held here.
func TestLines(t *testing.T) {
	var out bytes.Buffer
	log := NewLog(slog.NewJSONHandler(&out, nil), func() time.Time { return time.Date(2026, 11, 27, 16, 0, 0, 0, time.UTC) })
	seen := map[Kind]bool{}
	for _, e := range samples() {
		kind, _ := e.Event.told()
		seen[kind] = true
		log.Record(t.Context(), e)
	}
	const golden = "testdata/lines.json"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	got, lines := strings.Split(out.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(got), len(lines)) {
		if i >= len(got) || i >= len(lines) || got[i] != lines[i] {
			t.Fatalf("line %d of %s is different:\n%q", i+1, golden, got[min(i, len(got)-1)])
		}
	}
	for _, k := range Kinds() {
		if !seen[k] {
			t.Errorf("no sample of %s", k)
		}
	}
	for k := range seen {
		if !slices.Contains(Kinds(), k) {
			t.Errorf("Kinds leaves out %s", k)
		}
	}
}

// docs/ops.md explains every event and every field.
func TestLinesAreExplained(t *testing.T) {
	b, err := os.ReadFile("../../docs/ops.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(b), "\n## Audit log\n")
	section, _, _ = strings.Cut(section, "\n## ")
	words := map[string]bool{}
	for _, e := range samples() {
		kind, _ := e.Event.told()
		words[string(kind)] = true
		e.record(time.Time{}).Attrs(func(a slog.Attr) bool {
			for _, field := range a.Value.Group() {
				words[field.Key] = true
			}
			return true
		})
	}
	for _, o := range Outcomes() {
		words[string(o)] = true
	}
	delete(words, "event")
	for w := range words {
		if !strings.Contains(section, "`"+w+"`") {
			t.Errorf("docs/ops.md, Audit log, does not explain %s", w)
		}
	}
}

// The level is for those who read the log; what is to be read years later is
// written at every level.
func TestLevelSilencesNoAudit(t *testing.T) {
	var out bytes.Buffer
	NewLog(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelError}), nil).Record(t.Context(), Entry{Event: Stop{}})
	if !strings.Contains(out.String(), "audit.event=stop") {
		t.Errorf("the line is %q", out.String())
	}
}

func TestReasonIsOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"":                               "",
		"  left the firm ":               "left the firm",
		"a\r\nb\tc\x1b[31md\u2028e":      "a b c [31md e",
		"caf\xe9":                        "caf?",
		strings.Repeat("ä", MaxReason):   strings.Repeat("ä", MaxReason),
		strings.Repeat("ä", 2*MaxReason): strings.Repeat("ä", MaxReason-1) + "…",
	} {
		if got := CleanReason(in); got != want {
			t.Errorf("CleanReason(%q) = %q, want %q", in, got, want)
		}
	}
}
