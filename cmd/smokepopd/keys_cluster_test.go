package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The key of a cluster is replaced by the steps of docs/cluster.md, one node
// after the other: the agent stays paired, pops come at every step, and in the end
// the old key opens nothing.
func TestRotatingTheKeyOfACluster(t *testing.T) {
	c := startCluster(t, 2, systemOptions{})
	c.settled(2)
	me := c.firm().Agents[0]
	v := c.paired(me)
	command(t, "keys", "rotate", "--config", c.nodes[0].file).wants(t, exitFailed, "Rotating the key", "nothing was changed")

	keyFile := func(n *clusterNode) string { return filepath.Join(filepath.Dir(n.socket), "etc", "smokepop.key") }
	before, err := os.ReadFile(keyFile(c.nodes[0]))
	if err != nil {
		t.Fatal(err)
	}
	made := filepath.Join(t.TempDir(), "new.key")
	command(t, "keys", "generate", "--out", made).wants(t, exitOK)
	next, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	everywhere := func(step string, keys ...[]byte) {
		t.Helper()
		for i, n := range c.nodes {
			n.stop()
			if err := os.Remove(keyFile(n)); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(keyFile(n), bytes.Join(keys, nil), 0o400); err != nil {
				t.Fatal(err)
			}
			c.startNode(n)
			c.settled(2)
			c.through(i)
			sc := v.reopen()
			if dig(sc.hello, "pairing", "state") != "paired" {
				t.Errorf("%s, node %s: the agent is %v", step, n.name, sc.hello["pairing"])
			}
			c.mustAccept(event{"event": "ringing", "call_id": step + n.name, "from": c.known()[0].E164(), "to": me.Extension})
			if pop := sc.await("pop"); dig(pop, "pop", "call", "id") != step+n.name {
				t.Errorf("%s, node %s: %v", step, n.name, pop)
			}
			c.mustAccept(event{"event": "terminated", "call_id": step + n.name})
			_ = sc.conn.Close()
		}
	}
	everywhere("the new one as the second", before, next)
	everywhere("the new one as the first", next, before)
	c.until(func() bool { // all is sealed with it, and the store wants no other
		var report struct {
			Settled bool
			Keys    []keyRow
		}
		return newAdminClient(c.socket).call(t.Context(), "GET", "/v1/keys", nil, nil, &report) == nil && report.Settled && len(report.Keys) == 2 && *report.Keys[1].Records == 0
	})
	everywhere("the new one alone", next)
}
