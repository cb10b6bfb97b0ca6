package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/simulator"
)

// checkpoint is where a token request waits in the simulated Smokeball: it has
// come, and is not answered before it is let through.
type checkpoint struct{ come, through chan struct{} }

func (c checkpoint) sleep(ctx context.Context, _ time.Duration) error {
	select {
	case c.come <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-c.through:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Killed between Smokeball's answer and its commit: after the restart the agent
// works, or is told to pair again and does; no token request is repeated, and
// nobody is left without a word.
func TestKilledBetweenAnswerAndCommit(t *testing.T) {
	t.Parallel() // it waits more than it works
	for _, rotation := range []bool{true, false} {
		t.Run(fmt.Sprintf("rotation %v", rotation), func(t *testing.T) {
			k := newKiller(t, rotation)
			// Held: the answer is given and the daemon, stopped, never reads it.
			for round := range 3 {
				state := k.round(fmt.Sprint("held-", round), func() {
					k.signal(syscall.SIGSTOP)
					k.await(k.stopped)
					k.through <- struct{}{}
					k.await(k.answered)
				})
				if want := map[bool]string{true: "expired", false: "paired"}[rotation]; state != want {
					t.Errorf("round %d: the agent is %s, want %s", round, state, want)
				}
			}
			// And at any moment from when the answer is begun.
			states := map[string]int{}
			for round := range 8 {
				states[k.round(fmt.Sprint("run-", round), func() {
					k.through <- struct{}{}
					select {
					case <-time.After(rand.N(1500 * time.Microsecond)):
					case <-t.Context().Done():
					}
				})]++
			}
			t.Logf("after a kill at any moment: %v", states)
		})
	}
}

// killer is an installation whose daemon is killed again and again.
type killer struct {
	*installation
	checkpoint
	me simulator.Agent
	v  *visitor
}

func newKiller(t *testing.T, rotation bool) *killer {
	k := &killer{checkpoint: checkpoint{make(chan struct{}), make(chan struct{})}}
	k.installation = install(t, simulator.NewFirm(), func(o *simulator.Options) {
		o.Rotation, o.Sleep = rotation, k.checkpoint.sleep
	}, nil)
	k.me = k.firm().Agents[0]
	k.serve()
	k.v = k.join(k.me.Extension)
	k.v.pair(k.smokeball(), k.me.Email)
	return k
}

func (k *killer) signal(s syscall.Signal) {
	k.t.Helper()
	if err := k.cmd.Process.Signal(s); err != nil {
		k.t.Fatal(err)
	}
}

// await waits for something that tells nobody when it happens.
func (k *killer) await(is func() bool) {
	k.t.Helper()
	deadline := time.After(waitAtMost)
	for !is() {
		select {
		case <-time.After(200 * time.Microsecond):
		case <-deadline:
			k.t.Fatal("it does not happen")
		}
	}
}

// stopped tells whether the daemon has been stopped by a signal.
func (k *killer) stopped() bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", k.cmd.Process.Pid))
	if err != nil {
		k.t.Fatal(err)
	}
	_, state, _ := bytes.Cut(stat, []byte(") "))
	return bytes.HasPrefix(state, []byte("T"))
}

// answered tells whether the simulated Smokeball has answered the last token
// request: the new tokens are given and the old ones are spent.
func (k *killer) answered() bool {
	requests := k.smokeball().Requests(simulator.TokenEndpoint)
	return requests[len(requests)-1].Status == http.StatusOK
}

// round has a token refreshed, kills the daemon around the answer and returns
// what has become of the agent after the restart. The daemon runs again, with
// the agent paired, when it returns.
func (k *killer) round(id string, around func()) (state string) {
	k.t.Helper()
	k.smokeball().ExpireAccess(k.me.Email)
	k.smokeball().Inject(simulator.Fault{Endpoint: simulator.TokenEndpoint, Times: 1, Latency: 1})
	maria := k.firm().Callers[0]
	k.ring(event{"event": "ringing", "call_id": id, "from": maria.E164(), "to": k.me.Extension})
	select {
	case <-k.come:
	case <-time.After(waitAtMost):
		k.t.Fatal("the token is not refreshed")
	}
	around()
	_ = k.cmd.Process.Kill()
	_ = k.cmd.Wait()

	k.smokeball().Forget()
	k.serve()
	sc := k.v.open()
	for i := range 4 {
		call := fmt.Sprintf("%s-after-%d", id, i)
		k.ring(event{"event": "ringing", "call_id": call, "from": maria.E164(), "to": k.me.Extension})
		if i == 0 {
			state = k.word(sc)
		}
		k.ring(event{"event": "terminated", "call_id": call})
	}
	res, body := k.v.request(http.MethodGet, "/api/me", "")
	me := oneDocument(k.t, body)
	if res.StatusCode != http.StatusOK || dig(me, "pairing", "state") != state {
		k.t.Errorf("%s: the agent is %s and the page says %s", id, state, body)
	}
	if problem := dig(me, "pairing", "problem"); state == "expired" && problem != "The authorisation at Smokeball has ended. Pair again." {
		k.t.Errorf("%s: the agent is told %q", id, problem)
	}
	_ = sc.conn.Close()
	if code := k.end(syscall.SIGTERM); code != exitOK { // all calls have been worked off by then
		k.t.Errorf("stopped with %d", code)
	}
	if n := k.smokeball().Count(simulator.TokenEndpoint); n > 1 || n == 0 && state == "expired" {
		k.t.Errorf("%s: %d token requests after the restart, agent %s", id, n, state)
	}
	k.serve()
	if state == "expired" {
		k.v.pair(k.smokeball(), k.me.Email)
	}
	return state
}

// word waits for the first the agent sees of a call after the restart: the pop,
// or that the pairing has expired.
func (k *killer) word(sc *screen) string {
	k.t.Helper()
	if state := dig(sc.hello, "pairing", "state"); state == "expired" {
		return "expired"
	}
	for {
		f := sc.read() // fails when there is silence
		switch {
		case f["type"] == "pop":
			return "paired"
		case f["type"] == "pairing" && dig(f, "pairing", "state") == "expired":
			return "expired"
		}
	}
}
