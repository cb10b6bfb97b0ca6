package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// keeper answers as it is told.
type keeper struct {
	err     error // of every method
	broken  error // of writing a backup
	rotated int
}

func (k *keeper) Keys(context.Context) (KeyReport, error) {
	return KeyReport{
		StateDir: "/var/lib/smokepop", KeyFile: "/run/smokepop.key",
		Keys:       []KeyUse{{ID: "new", Use: "seals", Records: 3}, {ID: "old", Use: "opens", Records: 1}},
		Unreadable: []string{"tokens/firm.example.com/103"},
	}, k.err
}

func (k *keeper) Rotate(ctx context.Context) (KeyReport, error) {
	k.rotated++
	return k.Keys(ctx)
}

func (k *keeper) Backup(context.Context) (Backup, error) { return k, k.err }

func (k *keeper) Counts() (records, leftOut int) { return 4, 1 }

func (k *keeper) Write(w io.Writer) error {
	_, err := io.WriteString(w, "SPBK...")
	return errors.Join(err, k.broken)
}

type vaultTrouble struct{ error }

func (vaultTrouble) VaultProblem() (int, string) { return 409, "The key file lacks key old." }

func TestAdminTellsOfKeys(t *testing.T) {
	r := newRig(t)
	k := &keeper{}
	r.server.vault = k
	want := `{"state_dir":"/var/lib/smokepop","key_file":"/run/smokepop.key",` +
		`"keys":[{"id":"new","use":"seals","records":3},{"id":"old","use":"opens","records":1}],` +
		`"settled":false,"unreadable":["tokens/firm.example.com/103"]}` + "\n"
	if got := r.adminCall("GET", "/v1/keys", ""); got != want || k.rotated != 0 {
		t.Errorf("%s", got)
	}
	if got := r.adminCall("POST", "/v1/keys/rotate", ""); got != want || k.rotated != 1 {
		t.Errorf("%s", got)
	}
	wants(t, r.admin("GET", "/v1/keys/rotate", ""), 405)
}

func TestAdminTakesABackup(t *testing.T) {
	r := newRig(t)
	r.server.vault = &keeper{}
	res := r.admin("GET", "/v1/backup", "")
	if got := wants(t, res, 200); got != "SPBK..." {
		t.Errorf("%q", got)
	}
	if h := res.Header; h.Get(HeaderBackupRecords) != "4" || h.Get(HeaderBackupLeftOut) != "1" || h.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("%v", h)
	}
}

// A backup that breaks off must not look like one that has ended.
func TestABrokenBackupCutsTheConnection(t *testing.T) {
	r := newRig(t)
	r.server.vault = &keeper{broken: errors.New("cause")}
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("the handler ended with %v", p)
		}
		if !strings.Contains(r.log.String(), "broken off") {
			t.Errorf("the log does not say so:\n%s", r.log.String())
		}
	}()
	r.admin("GET", "/v1/backup", "")
}

func TestTheVaultRefuses(t *testing.T) {
	r := newRig(t)
	for method, path := range map[string]string{"GET": "/v1/keys", "POST": "/v1/keys/rotate"} {
		r.server.vault = &keeper{err: vaultTrouble{errors.New("cause")}}
		if got := wants(t, r.admin(method, path, ""), 409); !strings.Contains(got, "The key file lacks key old.") || strings.Contains(got, "cause") {
			t.Error(got)
		}
	}
	r.server.vault = &keeper{err: errors.New("cause")}
	if got := wants(t, r.admin("GET", "/v1/backup", ""), 500); strings.Contains(got, "cause") {
		t.Error(got)
	}
}
