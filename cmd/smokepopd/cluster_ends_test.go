package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// startClusterOnWires starts two nodes, each with a wire of its own to NATS, which is at
// an address.
func startClusterOnWires(t *testing.T) (c *clusterOf, wires []*balancer, address string) {
	nats, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	nats.Start()
	t.Cleanup(func() { nats.Shutdown(); nats.WaitForShutdown() })
	if !nats.ReadyForConnections(waitAtMost) {
		t.Fatal("NATS does not start")
	}
	address = nats.Addr().String()
	c = startCluster(t, 2, systemOptions{nats: []string{nats.ClientURL()}, world: func(_ *demoWorld, settings map[string]any) {
		w := newBalancer(t)
		w.choose(address)
		wires = append(wires, w)
		settings["cluster"].(map[string]any)["nats"] = map[string]any{"urls": []string{"nats://" + w.l.Addr().String()}}
	}})
	c.settled(2)
	return c, wires, address
}

// A node takes a call's end in while it is cut off and another takes its tenant over:
// the PBX is told to send it again, and where it does not the node itself brings it to
// the next owner when it can. There the call is over then, and the same party's next
// call to the agent pops.
func TestClusterLosesNoEnd(t *testing.T) {
	c, wires, address := startClusterOnWires(t)
	me, caller := c.firm().Agents[0], c.known()[0]
	v := c.paired(me)
	owner := c.owner()
	call := func(id, state string) event {
		return event{"event": state, "call_id": id, "from": caller.E164(), "to": me.Extension}
	}
	c.through(owner)
	sc := v.reopen()
	c.mustAccept(call("first", "ringing"))
	pop := sc.await("pop")
	c.sealed()

	wires[owner].cut()
	end := event{"event": "terminated", "call_id": "first", "extension": me.Extension}
	if status, answer := c.hook(end); status != http.StatusServiceUnavailable || !strings.HasPrefix(answer["detail"].(string), "The call is over here.") {
		t.Errorf("an end that nobody else has is answered %d %v", status, answer)
	}
	if f := sc.await("end"); f["id"] != pop["pop"].(map[string]any)["id"] {
		t.Errorf("at the node that is cut off: %v", f)
	}
	c.through(1 - owner)
	sc = v.reopen() // at the next owner, where the call goes on
	if pops, _ := sc.hello["pops"].([]any); len(pops) != 1 {
		t.Fatalf("the next owner has %v", sc.hello["pops"])
	}
	wires[owner].choose(address)
	if f := sc.await("end"); f["id"] != pop["pop"].(map[string]any)["id"] {
		t.Errorf("at the next owner: %v", f)
	}
	c.mustAccept(call("second", "ringing"))
	if f := sc.await("pop"); dig(f, "pop", "id") == dig(pop, "pop", "id") {
		t.Errorf("the next call is taken for the first: %v", f)
	}
	c.mustAccept(event{"event": "terminated", "call_id": "second"})
}

// A call rings at a node that is cut off and does not know it yet: the PBX is told to
// send the ring again, and at the next owner it is the same pop.
func TestClusterLosesNoRing(t *testing.T) {
	c, wires, address := startClusterOnWires(t)
	me, caller := c.firm().Agents[0], c.known()[0]
	v := c.paired(me)
	for try := range 5 { // on a machine that stands still the node may know before the call rings
		owner := c.owner()
		c.through(owner)
		sc := v.reopen()
		ring := event{"event": "ringing", "call_id": fmt.Sprint("call-", try), "from": caller.E164(), "to": me.Extension}
		wires[owner].cut()
		var pop frame
		for range 100 {
			status, answer := c.hook(ring)
			if pop == nil {
				pop = sc.await("pop")
			}
			if status != http.StatusServiceUnavailable {
				time.Sleep(20 * time.Millisecond)
				continue
			}
			if !strings.HasPrefix(answer["detail"].(string), "The event is taken in here.") {
				t.Fatalf("%d %v", status, answer)
			}
			c.through(1 - owner)
			there := v.reopen()
			c.mustAccept(ring)
			if f := there.await("pop"); dig(f, "pop", "id") != dig(pop, "pop", "id") {
				t.Errorf("at the next owner: %v, at first %v", f, pop)
			}
			wires[owner].choose(address) // so that it ends in order
			return
		}
		wires[owner].choose(address)
		c.settled(2)
	}
	t.Error("whatever comes to a node that is cut off is answered with 202")
}
