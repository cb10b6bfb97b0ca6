package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// A node takes a call's end in while it is cut off and another takes its tenant over:
// the PBX is told to send it again, and where it does not the node itself brings it to
// the next owner when it can. There the call is over then, and the same party's next
// call to the agent pops.
func TestClusterLosesNoEnd(t *testing.T) {
	nats, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	nats.Start()
	t.Cleanup(func() { nats.Shutdown(); nats.WaitForShutdown() })
	if !nats.ReadyForConnections(waitAtMost) {
		t.Fatal("NATS does not start")
	}
	address := nats.Addr().String()
	var wires []*balancer // of each node to NATS
	c := startCluster(t, 2, systemOptions{nats: []string{nats.ClientURL()}, world: func(_ *demoWorld, settings map[string]any) {
		w := newBalancer(t)
		w.choose(address)
		wires = append(wires, w)
		settings["cluster"].(map[string]any)["nats"] = map[string]any{"urls": []string{"nats://" + w.l.Addr().String()}}
	}})
	c.settled(2)
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
