package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/smokepop/smokepop/internal/natsproc"
)

// While JetStream has no leader for anybody, as in the seconds after its server's death,
// the owner of a tenant goes on: pages come back at any node, calls pop there, and who
// wants to sign out is told to wait and is let in no more. When it has one again nothing
// is lost.
func TestClusterWithoutALeader(t *testing.T) {
	servers := startServers(t, nil)
	c := startCluster(t, 2, systemOptions{nats: servers.URLs()})
	c.settled(2)
	me, other := c.firm().Agents[0], c.firm().Agents[1]
	caller := c.known()[0]
	v := c.paired(me)
	owner := c.owner()
	c.through(owner)
	w := c.signIn(other.Extension) // the other node hears of it alone
	sc, its := v.reopen(), w.reopen()
	c.sealed()

	// Without two of three, the store's leader among them, there is none.
	leader, err := leaderOf(t, servers.URLs(), "smokepop-vault")
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(servers.Servers, func(s *natsproc.Server) bool { return s.Place.Name == leader })
	lost := []*natsproc.Server{servers.Servers[at], servers.Servers[(at+1)%3]}
	for _, s := range lost {
		if err := s.Program.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = sc.conn.Close(), its.conn.Close()
	for _, i := range []int{owner, 1 - owner} {
		c.through(i)
		_ = w.reopen().conn.Close()
		c.until(func() bool { return strings.Contains(c.get("http://"+c.ops+"/readyz"), "NATS does not answer") })
		sc = v.reopen()
		if dig(sc.hello, "pairing", "state") != "paired" {
			t.Errorf("at node %s: %v", c.nodes[i].name, sc.hello["pairing"])
		}
		call := "at-" + c.nodes[i].name
		c.mustAccept(event{"event": "ringing", "call_id": call, "from": caller.E164(), "to": me.Extension})
		if pop := sc.await("pop"); len(names(pop["pop"])) != 1 {
			t.Errorf("at node %s: %v", c.nodes[i].name, pop)
		}
		// The end shows, and is answered once it is known that nobody takes over.
		c.until(func() bool {
			status, _ := c.hook(event{"event": "terminated", "call_id": call})
			return status < http.StatusInternalServerError
		})
		sc.await("end")
		_ = sc.conn.Close()
	}
	if res, body := w.request(http.MethodDelete, "/api/session", ""); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("signing out is answered %s %s", res.Status, body)
	}
	if conn, _, err := w.dial("smokepop.v1"); err == nil {
		_ = conn.Close()
		t.Error("who wanted to sign out is let in again")
	}

	for _, s := range lost {
		if err := s.Program.Start(); err != nil {
			t.Fatal(err)
		}
	}
	c.until(func() bool {
		res, _ := w.request(http.MethodDelete, "/api/session", "")
		return res.StatusCode == http.StatusNoContent
	})
	sc = v.reopen()
	c.mustAccept(event{"event": "ringing", "call_id": "after", "from": caller.E164(), "to": me.Extension})
	sc.await("pop")
}

// leaderOf is the name of the server that leads a bucket.
func leaderOf(t *testing.T, urls []string, bucket string) (string, error) {
	nc, err := nats.Connect(strings.Join(urls, ","))
	if err != nil {
		return "", err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return "", err
	}
	stream, err := js.Stream(t.Context(), "KV_"+bucket)
	if err != nil {
		return "", err
	}
	return stream.CachedInfo().Cluster.Leader, nil
}
