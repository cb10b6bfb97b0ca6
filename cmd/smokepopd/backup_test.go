package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/simulator"
)

func TestBackupOfARunningAndOfAStoppedSmokepop(t *testing.T) {
	in := install(t, simulator.NewFirm(), nil, nil)
	dir := t.TempDir()
	file := filepath.Join(dir, "backup")
	in.admin("backup", file).wants(t, exitFailed, "there is no database")
	in.serve()
	v := in.pairedAgent()

	doc := in.document("backup", file)
	if doc["from"] != "running daemon" || doc["records"] != 2.0 || doc["left_out"] != 0.0 {
		t.Errorf("%v", doc)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	for _, word := range []string{in.firm().Domain, "tokens/", "refresh", "records"} {
		if bytes.Contains(content, []byte(word)) {
			t.Errorf("%q can be read in the backup", word)
		}
	}
	in.admin("backup", file).wants(t, exitFailed, "--force")
	if again, err := os.ReadFile(file); err != nil || !bytes.Equal(again, content) {
		t.Errorf("the file was touched: %v", err)
	}
	in.admin("backup", file, "--force").wants(t, exitOK)
	in.admin("restore", file).wants(t, exitFailed, "stop it first")
	in.admin("restore", file, "--dry-run").wants(t, exitOK)
	in.admin("backup", "-", "--json").wants(t, exitUsage, "choose one")

	in.stopped()
	command(t, "backup", filepath.Join(dir, "no"), "--socket", in.socket).wants(t, exitFailed, "no daemon is listening", "--config")
	r := in.admin("backup", "-")
	r.wants(t, exitOK, "stopped store")
	piped := filepath.Join(dir, "piped")
	if err := os.WriteFile(piped, []byte(r.stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(in.stateDir()); err != nil {
		t.Fatal(err)
	}
	if doc := oneDocument(t, in.admin("restore", piped, "--json").stdout); doc["records"] != 2.0 || doc["kept"] != "" || doc["key"] != in.keyIDs()[0] {
		t.Errorf("%v", doc)
	}
	in.serve()
	if s := v.state(); s != "paired" {
		t.Errorf("after the restore the agent is %s", s)
	}
	in.stopped()
	fromPipe := smokepopd(t, "restore", "-", "--dry-run", "--config", in.file)
	fromPipe.Stdin = strings.NewReader(r.stdout)
	if out, err := fromPipe.CombinedOutput(); err != nil || !strings.Contains(string(out), "verified, nothing was changed") {
		t.Errorf("from a pipe: %v %s", err, out)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("left are %v: %v", entries, err)
	}
	if err := os.WriteFile(piped, []byte(r.stdout[:len(r.stdout)-1]), 0o600); err != nil {
		t.Fatal(err)
	}
	in.admin("restore", piped).wants(t, exitFailed, "cut short")
}

// A backup of before a rotation opens with the key file of its time.
func TestRestoreOfABackupFromBeforeARotation(t *testing.T) {
	in := install(t, simulator.NewFirm(), nil, nil)
	in.serve()
	v := in.pairedAgent()
	dir := t.TempDir()
	file, oldKeys := filepath.Join(dir, "backup"), filepath.Join(dir, "old.key")
	in.admin("backup", file).wants(t, exitOK)
	key, err := os.ReadFile(in.keyFile())
	if err == nil {
		err = os.WriteFile(oldKeys, key, 0o400)
	}
	if err != nil {
		t.Fatal(err)
	}
	in.admin("keys", "rotate").wants(t, exitOK)
	in.stopped()
	in.admin("restore", file).wants(t, exitFailed, "--backup-keys")
	r := in.admin("restore", file, "--backup-keys", oldKeys)
	r.wants(t, exitOK)
	if !strings.Contains(r.stdout, "smokepop.db.before-restore-") {
		t.Errorf("it does not say what is kept: %s", r.stdout)
	}
	in.serve()
	if s := v.state(); s != "paired" {
		t.Errorf("the agent is %s", s)
	}
}

// A refresh token that has been replaced since the backup is spent, and using
// it has ended the whole authorisation: one request finds that out, the agent
// is told to pair again, and nothing asks once more.
func TestRestoreOfASpentToken(t *testing.T) {
	t.Parallel() // it waits more than it works
	for name, spend := range map[string]func(in *installation, v *visitor, sc *screen, me simulator.Agent){
		"replaced meanwhile": func(in *installation, _ *visitor, sc *screen, me simulator.Agent) {
			in.smokeball().ExpireAccess(me.Email)
			in.ring(event{"event": "ringing", "call_id": "before", "from": in.firm().Callers[0].E164(), "to": me.Extension})
			sc.await("pop")
			in.smokeball().ExpireAccess(me.Email)
		},
		"revoked meanwhile": func(in *installation, v *visitor, _ *screen, _ simulator.Agent) {
			if res, body := v.request(http.MethodDelete, "/api/pair", ""); res.StatusCode != http.StatusOK || !strings.Contains(body, "true") {
				in.t.Fatalf("unpair: %s", body)
			}
		},
		"expired meanwhile": func(in *installation, _ *visitor, _ *screen, me simulator.Agent) {
			in.smokeball().ExpireRefresh(me.Email)
			in.smokeball().ExpireAccess(me.Email)
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := install(t, simulator.NewFirm(), func(o *simulator.Options) { o.Rotation = true }, nil)
			in.serve()
			me, caller := in.firm().Agents[0], in.firm().Callers[0]
			v := in.pairedAgent()
			file := filepath.Join(t.TempDir(), "backup")
			in.admin("backup", file).wants(t, exitOK)
			sc := v.open()
			spend(in, v, sc, me)
			_ = sc.conn.Close()
			in.stopped()
			in.admin("restore", file).wants(t, exitOK)

			in.smokeball().Forget()
			in.serve()
			sc = v.open()
			for _, call := range []string{"one", "two", "three"} {
				in.ring(event{"event": "ringing", "call_id": call, "from": caller.E164(), "to": me.Extension})
				if call == "one" {
					if f := sc.await("pairing"); dig(f, "pairing", "state") != "expired" || dig(f, "pairing", "problem") != "The authorisation at Smokeball has ended. Pair again." {
						t.Errorf("the agent is told %v", f["pairing"])
					}
				}
				in.ring(event{"event": "terminated", "call_id": call})
			}
			in.stopped() // all calls have been worked off by then
			if n := in.smokeball().Count(simulator.TokenEndpoint); n != 1 {
				t.Errorf("%d token requests, want 1", n)
			}
			in.serve()
			if s := v.state(); s != "expired" {
				t.Errorf("after a restart the agent is %s", s)
			}
			v.pair(in.smokeball(), me.Email)
			sc = v.open()
			in.ring(event{"event": "ringing", "call_id": "four", "from": caller.E164(), "to": me.Extension})
			sc.await("pop")
		})
	}
}

// await reads until a frame of a type.
func (sc *screen) await(kind string) map[string]any {
	for {
		if f := sc.read(); f["type"] == kind { // fails when there is silence
			return f
		}
	}
}

func TestWriteWholeLeavesNoHalfFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "backup")
	names := func() (all []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			all = append(all, e.Name())
		}
		return all
	}
	full := errors.New("no space left on device")
	half := func(w io.Writer) error { _, err := io.WriteString(w, "half"); return errors.Join(err, full) }
	if err := writeWhole(path, false, half); !errors.Is(err, full) || len(names()) != 0 {
		t.Errorf("left are %v: %v", names(), err)
	}
	whole := func(w io.Writer) error { _, err := io.WriteString(w, "whole"); return err }
	if err := writeWhole(path, false, whole); err != nil || len(names()) != 1 {
		t.Errorf("left are %v: %v", names(), err)
	}
	if err := writeWhole(path, true, half); !errors.Is(err, full) || len(names()) != 1 {
		t.Errorf("left are %v: %v", names(), err)
	}
	// One that appears while the backup is written stays too.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	err := writeWhole(path, false, func(io.Writer) error { return os.WriteFile(path, []byte("theirs"), 0o600) })
	if got, _ := os.ReadFile(path); err == nil || string(got) != "theirs" || len(names()) != 1 {
		t.Errorf("%q is there, left are %v: %v", got, names(), err)
	}
}

// A daemon that dies in the middle of a backup.
func TestBackupThatBreaksOff(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "admin.sock")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Smokepop-Backup-Records", "2")
		w.Header().Set("Smokepop-Backup-Left-Out", "0")
		_, _ = w.Write(bytes.Repeat([]byte("SPBK"), 10_000))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	defer func() { _ = server.Close(); <-served }()
	command(t, "backup", filepath.Join(dir, "backup"), "--socket", socket).wants(t, exitFailed, "the backup broke off")
	if left, _ := filepath.Glob(filepath.Join(dir, "*backup*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".smokepop*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
