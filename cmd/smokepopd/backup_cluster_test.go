package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/smokepop/smokepop/internal/natsproc"
)

// keepRecords waits until the servers, which have just been started, keep a record
// on all of them: on a busy machine they may take longer to choose leaders than a
// daemon waits, which systemd starts again then.
func keepRecords(t *testing.T, servers *natsproc.Cluster) {
	t.Helper()
	nc, err := nats.Connect(strings.Join(servers.URLs(), ","))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	once := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		kv, err := js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "ready", Replicas: len(servers.Servers)})
		if err == nil {
			_, err = kv.PutString(ctx, "k", "v")
		}
		return err
	}
	for end := time.Now().Add(2 * time.Minute); ; {
		if err = once(); err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// The whole store of a cluster is lost, on all NATS servers: with the backup
// that any node has written while all ran, and the steps of docs/cluster.md, the
// agents are paired and signed in as they were.
func TestBackupOfAClusterBringsBackALostStore(t *testing.T) {
	servers := startServers(t, nil)
	keepRecords(t, servers)
	c := startClusterAs(t, 2, systemOptions{nats: servers.URLs()}, true)
	c.settled(2)
	me, other := c.firm().Agents[0], c.firm().Agents[1]
	v, w := c.paired(me), c.paired(other)
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	at := func(n *clusterNode, args ...string) result {
		return command(t, append(args, "--config", n.file)...)
	}

	var records []any
	for _, n := range c.nodes {
		doc := oneDocument(t, at(n, "backup", file(n.name), "--json").stdout)
		if doc["from"] != "running daemon" || doc["left_out"] != 0.0 {
			t.Errorf("%v", doc)
		}
		records = append(records, doc["records"])
	}
	c.nodes[1].stop()
	doc := oneDocument(t, at(c.nodes[1], "backup", file("stopped"), "--json").stdout)
	if doc["from"] != "cluster's store" || !slices.Equal(records, []any{doc["records"], doc["records"]}) {
		t.Errorf("beside the node that has stopped: %v; while it ran there were %v records", doc, records)
	}
	content, err := os.ReadFile(file("a"))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{c.domain(), "tokens", "sessions"} {
		if strings.Contains(string(content), word) {
			t.Errorf("%q can be read in the backup", word)
		}
	}

	if err := servers.Kill(); err != nil {
		t.Fatal(err)
	}
	at(c.nodes[0], "backup", file("away")).wants(t, exitFailed, "the store cannot be reached")
	if _, err := os.Stat(file("away")); err == nil {
		t.Error("a backup that failed has left a file")
	}
	c.nodes[0].kill() // who has lost the store cannot hand anything over
	for _, s := range servers.Servers {
		if err := os.RemoveAll(s.Store); err != nil {
			t.Fatal(err)
		}
		if err := s.Program.Start(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := servers.Ready(ctx); err != nil {
		t.Fatal(err)
	}

	keepRecords(t, servers)

	r := at(c.nodes[0], "restore", file("a"))
	r.wants(t, exitOK)
	if !strings.Contains(r.stdout, "smokepopd migrate --to cluster") {
		t.Errorf("it does not say how to go on: %s", r.stdout)
	}
	r = at(c.nodes[0], "migrate", "--to", "cluster", "--json")
	r.wants(t, exitOK)
	moved := oneDocument(t, r.stdout)
	if moved["records"] != records[0] {
		t.Errorf("%v of %v records came back", moved["records"], records[0])
	}
	at(c.nodes[0], "migrate", "--to", "cluster").wants(t, exitFailed, "there are records already", "KV_smokepop-vault")

	for _, n := range c.nodes {
		c.startProcess(n)
	}
	c.settled(2)
	c.through(0)
	for i, one := range []*visitor{v, w} {
		sc := one.reopen()
		if dig(sc.hello, "pairing", "state") != "paired" {
			t.Errorf("agent %d is %v", i, sc.hello["pairing"])
		}
		c.mustAccept(event{"event": "ringing", "call_id": fmt.Sprint("after-", i), "from": c.known()[0].E164(), "to": c.firm().Agents[i].Extension})
		if pop := sc.await("pop"); len(names(pop["pop"])) != 1 {
			t.Errorf("agent %d is shown %v", i, pop)
		}
	}
}
