package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"go.yaml.in/yaml/v3"
)

// A firm moves from its one machine to a cluster, and back: its agents stay
// paired and signed in.
func TestMigrateToAClusterAndBack(t *testing.T) {
	s := startSystem(t, systemOptions{})
	me := s.firm().Agents[0]
	v := s.paired(me)
	s.stop()

	natsd, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	natsd.Start()
	t.Cleanup(func() {
		natsd.Shutdown()
		natsd.WaitForShutdown()
	})
	if !natsd.ReadyForConnections(waitAtMost) {
		t.Fatal("NATS does not start")
	}
	alone, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	command(t, "migrate", "--to", "cluster", "--config", s.file).wants(t, exitUsage, "cluster.nats.urls")
	var settings map[string]any
	if err := yaml.Unmarshal(alone, &settings); err != nil {
		t.Fatal(err)
	}
	settings["cluster"] = map[string]any{"nats": map[string]any{"urls": []string{natsd.ClientURL()}}, "node": "a", "replicas": 1}
	many, err := yaml.Marshal(settings)
	if err == nil {
		err = os.WriteFile(s.file, many, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	command(t, "migrate", "--config", s.file).wants(t, exitUsage, "--to cluster or --to database")
	r := command(t, "migrate", "--to", "cluster", "--config", s.file)
	r.wants(t, exitOK)
	if !strings.Contains(r.stdout, "moved to the cluster and compared, records: ") {
		t.Errorf("it says %q", r.stdout)
	}
	command(t, "migrate", "--to", "cluster", "--config", s.file).wants(t, exitFailed, "there are records already")

	stillThere := func(where string) {
		t.Helper()
		sc := v.open()
		if dig(sc.hello, "pairing", "state") != "paired" {
			t.Errorf("%s: %v", where, sc.hello["pairing"])
		}
		s.mustAccept(event{"event": "ringing", "call_id": where, "from": s.known()[0].E164(), "to": me.Extension})
		if pop := sc.await("pop"); dig(pop, "pop", "call", "id") != where {
			t.Errorf("%s: %v", where, pop)
		}
		s.mustAccept(event{"event": "terminated", "call_id": where})
		_ = sc.conn.Close()
		s.stop()
	}
	s.start(nil, nil)
	stillThere("cluster")

	database := filepath.Join(s.dir, "state", "smokepop.db")
	if err := os.Rename(database, database+".before"); err != nil {
		t.Fatal(err)
	}
	command(t, "migrate", "--to", "database", "--config", s.file).wants(t, exitOK)
	if err := os.WriteFile(s.file, alone, 0o600); err != nil {
		t.Fatal(err)
	}
	s.start(nil, nil)
	stillThere("database")
}
