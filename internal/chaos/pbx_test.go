package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// pbx sends the webhooks of all tenants, each to any node; what is not taken in
// is sent again to another, for a while.
type pbx struct {
	w     *world
	http  *http.Client
	calls atomic.Int64
	wg    sync.WaitGroup

	mu   sync.Mutex
	busy map[int]time.Time // callers, until when they call nobody else
}

// resting is for how long a caller calls nobody else after a call. Somebody who
// speaks with a colleague, or did just now, and rings an agent who has the same party
// on the line already is handed over: then there is no second pop, and none is missed.
const resting = 6 * time.Second

// exchange is what all callers' numbers begin with. One whose last four digits stand
// in it finds more contacts than a search looks at: nobody calls by that.
const exchange = "+1919555"

// insist is for how long a webhook is sent again.
const insist = 20 * time.Second

func (w *world) newPBX() *pbx {
	return &pbx{w: w, busy: map[int]time.Time{}, http: &http.Client{
		Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64, DialContext: (&net.Dialer{Timeout: time.Second}).DialContext},
	}}
}

// tell sends a webhook until it is taken in; false when it is given up.
func (p *pbx) tell(call, state string, agents ...Agent) bool {
	fields := map[string]string{"event": state, "call_id": call, "direction": "inbound"}
	if state != "terminated" {
		fields["from"], fields["to"] = exchange+call[len(call)-4:], "+16175550100"
		var ext []string
		for _, a := range agents {
			ext = append(ext, a.Extension)
		}
		fields["extension"] = strings.Join(ext, ",")
	}
	body, _ := json.Marshal(fields)
	k := Hook{Call: call, Agents: agents, State: state, Began: p.w.since()}
	for end := time.Now().Add(insist); ; {
		n := p.w.nodes[rand.IntN(len(p.w.nodes))]
		k.Node, k.Tries = n.name, k.Tries+1
		k.Status = p.post(n, agents[0].Tenant, body)
		k.Ended = p.w.since()
		if k.taken() || k.Status/100 == 4 || time.Now().After(end) {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	p.w.h.Record(k)
	return k.taken()
}

func (p *pbx) post(n *node, tenant string, body []byte) int {
	req, err := http.NewRequest(http.MethodPost, "http://"+n.address+"/hooks/vodia/"+tenant, bytes.NewReader(body))
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth(hookUser, hookPassword)
	res, err := p.http.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// newCall invents a call to agents of one tenant, by a caller who is free, if there
// is one. Whoever makes it calls over when smokepop knows that it has ended: one whose
// end nobody took in goes on, and what the same caller does then may belong to it.
func (p *pbx) newCall(a Agent) (id string, over func()) {
	tenant := 0
	for p.w.tenant(tenant) != a.Tenant {
		tenant++
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	caller, first := 0, rand.IntN(callersEach)
	for i := range callersEach {
		caller = tenant + p.w.size.tenants*((first+i)%callersEach)
		if time.Now().After(p.busy[caller]) && !strings.Contains(exchange, fmt.Sprintf("%04d", caller%10000)) {
			break
		}
	}
	p.busy[caller] = time.Now().Add(time.Hour)
	return CallID(int(p.calls.Add(1)), caller), func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.busy[caller] = time.Now().Add(resting)
	}
}

// call is a call from its ringing to its end: two or three webhooks.
func (p *pbx) call() {
	i := rand.IntN(len(p.w.pages))
	agents := []Agent{p.w.agents[i]}
	if other := i + p.w.size.tenants; rand.IntN(8) == 0 && other < len(p.w.agents) {
		agents = append(agents, p.w.agents[other]) // a group: the next extension of the tenant
	}
	id, over := p.newCall(agents[0])
	if !p.tell(id, "ringing", agents...) {
		return
	}
	// It rings until the agents have seen who it is, as people let it, or for long.
	rung := time.Now()
	time.Sleep(time.Duration(500+rand.IntN(2500)) * time.Millisecond)
	for time.Since(rung) < rings+2*time.Second && !p.seen(id, agents) {
		time.Sleep(50 * time.Millisecond)
	}
	if rand.IntN(2) == 0 {
		if !p.tell(id, "connected", agents[0]) {
			return
		}
		time.Sleep(time.Duration(500+rand.IntN(2000)) * time.Millisecond)
	}
	if p.tell(id, "terminated", agents...) {
		over()
	}
}

// seen tells whether a call is shown to all of its agents.
func (p *pbx) seen(call string, agents []Agent) bool {
	for _, a := range agents {
		if !p.w.pageOf[a].saw(call) {
			return false
		}
	}
	return true
}

// traffic is webhooks at a rate until ctx ends, then the ends of the calls.
func (p *pbx) traffic(ctx context.Context, perSecond int) {
	tick := time.NewTicker(time.Duration(2.5 * float64(time.Second) / float64(perSecond)))
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
			p.wg.Go(p.call)
		case <-ctx.Done():
		}
	}
	p.wg.Wait()
}
