package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/smokepop/smokepop/internal/simulator"
	"github.com/smokepop/smokepop/internal/vault"
)

// keyFile is where the admin keeps the keys.
func (in *installation) keyFile() string { return filepath.Join(in.dir, "etc", "smokepop.key") }

func (in *installation) stateDir() string { return filepath.Join(in.dir, "state") }

func (in *installation) keyIDs() []string {
	in.t.Helper()
	ring, err := vault.LoadKeys(in.keyFile())
	if err != nil {
		in.t.Fatal(err)
	}
	return ring.IDs()
}

// pairedAgent pairs the firm's first agent with the running daemon.
func (in *installation) pairedAgent() *visitor {
	in.t.Helper()
	me := in.firm().Agents[0]
	v := in.join(me.Extension)
	v.pair(in.smokeball(), me.Email)
	return v
}

// state is how the agent is paired, as the page says.
func (v *visitor) state() string {
	v.t.Helper()
	_, body := v.request("GET", "/api/me", "")
	state, _ := dig(oneDocument(v.t, body), "pairing", "state").(string)
	return state
}

func (in *installation) stopped() {
	in.t.Helper()
	if code := in.end(syscall.SIGTERM); code != exitOK {
		in.t.Fatalf("stopped with %d:\n%s", code, in.stderr)
	}
}

func TestRotateWhileTheDaemonRuns(t *testing.T) {
	in := install(t, simulator.NewFirm(), nil, nil)
	in.serve()
	v := in.pairedAgent()
	old := in.keyIDs()
	doc := in.document("keys", "rotate")
	now := in.keyIDs()
	if doc["state"] != "done" || doc["key"] != now[0] || len(now) != 1 || now[0] == old[0] || doc["restart"] != false || doc["records"] != 2.0 {
		t.Errorf("%v; in the file %v, before it %v", doc, now, old)
	}
	if s := v.state(); s != "paired" {
		t.Errorf("the agent is %s", s)
	}
	r := in.admin("keys", "list")
	r.wants(t, exitOK)
	if got := strings.Fields(r.stdout); !slices.Equal(got, []string{now[0], "seals", "records:", "2"}) {
		t.Errorf("listed as %q", r.stdout)
	}
	in.stopped()
	in.serve()
	if s := v.state(); s != "paired" {
		t.Errorf("after the restart the agent is %s", s)
	}
}

// systemd hands the daemon a copy of the key file, which changes at its start.
func TestRotateWhenTheDaemonHasACopyOfTheKey(t *testing.T) {
	in := install(t, simulator.NewFirm(), nil, func(settings map[string]any) {
		settings["encryption_key_file"] = "${CREDENTIALS_DIRECTORY}/smokepop.key"
	})
	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(in.keyFile())) // the admin's
	serve := func() {
		credentials := t.TempDir()
		key, err := os.ReadFile(in.keyFile())
		if err == nil {
			err = os.WriteFile(filepath.Join(credentials, "smokepop.key"), key, 0o400)
		}
		if err != nil {
			t.Fatal(err)
		}
		in.serve("CREDENTIALS_DIRECTORY=" + credentials)
	}
	serve()
	v := in.pairedAgent()
	old := in.keyIDs()[0]
	for range 2 { // however often it is asked
		in.admin("keys", "rotate").wants(t, exitFailed, "restart smokepop, then run this again")
		if ids := in.keyIDs(); len(ids) != 2 || ids[1] != old {
			t.Fatalf("in the file are %v", ids)
		}
	}
	in.stopped()
	serve() // and seals by itself
	doc := in.document("keys", "rotate")
	if ids := in.keyIDs(); doc["state"] != "done" || doc["restart"] != true || len(ids) != 1 || ids[0] == old {
		t.Errorf("%v; in the file are %v", doc, ids)
	}
	in.stopped()
	serve()
	if s := v.state(); s != "paired" {
		t.Errorf("with the new key alone the agent is %s", s)
	}
}

func TestRotateWhileTheDaemonIsStopped(t *testing.T) {
	in := install(t, simulator.NewFirm(), nil, nil)
	in.admin("keys", "rotate").wants(t, exitFailed, "there is no database")
	in.serve()
	v := in.pairedAgent()
	in.stopped()
	old := in.keyIDs()[0]
	r := command(t, "keys", "rotate", "--key-file", in.keyFile(), "--state-dir", in.stateDir(), "--socket", in.socket)
	r.wants(t, exitOK)
	if ids := in.keyIDs(); len(ids) != 1 || ids[0] == old || !strings.Contains(r.stdout, "done: key "+ids[0]) || !strings.Contains(r.stdout, old) {
		t.Errorf("in the file are %v:\n%s", ids, r.stdout)
	}
	in.serve()
	if s := v.state(); s != "paired" {
		t.Errorf("the agent is %s", s)
	}
	t.Run("not this daemon's", func(t *testing.T) {
		elsewhere := t.TempDir()
		other := filepath.Join(elsewhere, "other.key")
		command(t, "keys", "generate", "--out", other).wants(t, exitOK)
		command(t, "keys", "rotate", "--key-file", in.keyFile(), "--state-dir", elsewhere, "--socket", in.socket).wants(t, exitFailed, "has its database in "+in.stateDir())
		command(t, "keys", "rotate", "--key-file", other, "--state-dir", in.stateDir(), "--socket", in.socket).wants(t, exitFailed, "this is not its key file")
		command(t, "keys", "rotate", "--key-file", in.keyFile(), "--state-dir", in.stateDir(), "--socket", other+".sock").wants(t, exitFailed, "in use by another process", "--socket")
		if n := len(in.keyIDs()); n != 1 {
			t.Errorf("keys in the file: %d", n)
		}
	})
}

func TestKeysStayOutOfTheStateDirectory(t *testing.T) {
	in := install(t, simulator.NewFirm(), nil, nil)
	if err := os.Mkdir(in.stateDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	inside := filepath.Join(in.stateDir(), "smokepop.key")
	in.admin("keys", "generate", "--out", inside).wants(t, exitUsage, "keep it elsewhere")
	if _, err := os.Lstat(inside); err == nil {
		t.Error("the key was made all the same")
	}
	command(t, "keys", "rotate", "--key-file", inside, "--state-dir", in.stateDir()).wants(t, exitUsage, "keep it elsewhere")
	command(t, "keys", "rotate").wants(t, exitUsage, "--config")
	command(t, "keys", "list").wants(t, exitUsage, "--config")
	doc := oneDocument(t, command(t, "keys", "list", "--key-file", in.keyFile(), "--json").stdout)
	if dig(doc["keys"].([]any)[0], "use") != "seals" || doc["running"] != false {
		t.Errorf("%v", doc)
	}
}
