package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/smokepop/smokepop/internal/simulator"
)

func TestVaultInspectIsTheDaemonsOwn(t *testing.T) {
	if r := command(t, "--help"); strings.Contains(r.stdout+r.stderr, vaultInspect) {
		t.Errorf("the help shows it:\n%s", r.stdout)
	}
	command(t, vaultInspect).wants(t, exitUsage)
	empty := filepath.Join(t.TempDir(), "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := command(t, vaultInspect, empty)
	r.wants(t, exitOK)
	if doc := oneDocument(t, r.stdout); doc["verdict"] != "damaged" || !strings.HasSuffix(doc["detail"].(string), "is empty") {
		t.Errorf("of an empty file it says %s", r.stdout)
	}
}

func TestServeLooksThroughTheDatabaseInAChild(t *testing.T) {
	in := install(t, simulator.NewFirm(), nil, nil)
	in.serve()
	if code := in.end(syscall.SIGTERM); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, in.stderr)
	}
	if !strings.Contains(in.stderr.String(), "there was no database: a new one was made") {
		t.Errorf("a new database is not told:\n%s", in.stderr)
	}
	path := filepath.Join(in.dir, "state", "smokepop.db")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	t.Run("without its own file it cannot", func(t *testing.T) {
		self, err := binary()
		if err != nil {
			t.Fatal(err)
		}
		script := `cp "$1" "$2" && exec 3<"$2" && rm "$2" && shift 2 && exec /proc/self/fd/3 "$@"`
		ctx, cancel := context.WithTimeout(t.Context(), waitAtMost)
		defer cancel()
		serve := exec.CommandContext(ctx, "sh", "-c", script, "sh", self, filepath.Join(t.TempDir(), "smokepopd"), "serve", "--config", in.file)
		out, err := serve.CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("start the check of the database: ")) {
			t.Errorf("%v\n%s", err, out)
		}
	})

	for name, torn := range map[string][]byte{"empty": nil, "cut": whole[:2*4096], "a broken meta page": append([]byte("rubbish rubbish rubbish rubbish "), whole[32:]...)} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, torn, 0o600); err != nil {
				t.Fatal(err)
			}
			r := command(t, "serve", "--config", in.file)
			r.wants(t, exitFailed, "stored data is damaged", "put a backup back with `smokepopd restore`, or move smokepop.db away")
			if strings.Contains(r.stderr, "goroutine") {
				t.Errorf("it crashed:\n%s", r.stderr)
			}
			if is, err := os.ReadFile(path); err != nil || !bytes.Equal(is, torn) {
				t.Errorf("the file was touched: %v", err)
			}
		})
	}

	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	in.serve()
	if code := in.end(syscall.SIGTERM); code != exitOK {
		t.Errorf("exit code %d\n%s", code, in.stderr)
	}
}
