package daemon

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/audit"
)

// The kernel says who is at the other end of the admin socket; of a connection
// that is none nothing is known, and nobody is taken for root.
func TestPeerIsWhoTheKernelSays(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	by := audit.ActorIn(withPeer(t.Context(), conn), audit.ActorSocket)
	if by.Kind != audit.ActorSocket || !by.HasUID || int(by.UID) != os.Getuid() || by.Name != me.Username {
		t.Errorf("the peer is %+v, want %s", by, me.Username)
	}
	_ = conn.Close()
	other, _ := net.Pipe()
	for _, c := range []net.Conn{conn, other} {
		if by := audit.ActorIn(withPeer(context.Background(), c), audit.ActorSocket); by != (audit.Actor{Kind: audit.ActorSocket}) {
			t.Errorf("of a connection without a peer it says %+v", by)
		}
	}
}

// A flood of what strangers are refused hides nothing that was done.
func TestRefusalsHideNoDeeds(t *testing.T) {
	var out bytes.Buffer
	log := limited(t, &out)
	record := audit.NewLog(limitAudit(slog.NewTextHandler(&out, nil), log), nil)
	refused := audit.Entry{By: audit.Nobody(""), Event: audit.SignIn{Method: "invite"}, Outcome: audit.Refused}
	for range newsLimit.burst + 500 {
		record.Record(t.Context(), refused)
	}
	record.Record(t.Context(), audit.Entry{By: audit.Nobody(""), Event: audit.SignIn{Method: "invite"}})
	if n := strings.Count(out.String(), "audit.outcome=refused"); n < newsLimit.burst || n > newsLimit.burst+10 {
		t.Errorf("%d refusals are written, want about %d", n, newsLimit.burst)
	}
	if !strings.Contains(out.String(), "audit.outcome=ok") {
		t.Error("what was done is not there")
	}
}
