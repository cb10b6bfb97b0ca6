package simulator_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	. "github.com/smokepop/smokepop/internal/simulator"
)

// login returns an activated session of somebody.
func (r *rest) login(body string) string {
	r.Helper()
	var token string
	if a := r.ask("POST", "/rest/system/session", asAdmin, body); json.Unmarshal([]byte(a.body), &token) != nil {
		r.Fatalf("%+v", a)
	}
	if a := r.ask("POST", "/rest/system/session", "", `{"name":"session","value":"`+token+`"}`); a.body != "true" {
		r.Fatalf("%+v", a)
	}
	return token
}

const as101Body = `{"name":"3rd","username":"101","domain":"firm.example"}`

func (r *rest) dial(query, session string) (*websocket.Conn, int) {
	r.Helper()
	header := http.Header{}
	if session != "" {
		header.Set("Cookie", "session="+session)
	}
	c, res, err := websocket.DefaultDialer.DialContext(r.Context(), "ws"+strings.TrimPrefix(r.url, "http")+"/websocket?"+query, header)
	status := 101
	if res != nil {
		status = res.StatusCode
		res.Body.Close()
	}
	if err == nil {
		r.Cleanup(func() { c.Close() })
	}
	return c, status
}

type frame struct {
	Action string
	Calls  []struct {
		ID, State, Connect string
		FromNumber         string `json:"from-number"`
		Extension          []string
		Inbound            *bool
	}
	raw string
}

func (r *rest) read(c *websocket.Conn) frame {
	r.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, b, err := c.ReadMessage()
	if err != nil {
		r.Fatal(err)
	}
	f := frame{raw: string(b)}
	if err := json.Unmarshal(b, &f); err != nil {
		r.Fatalf("%v in %s", err, b)
	}
	return f
}

// states reads on to the next call-state and returns it in short.
func (r *rest) states(c *websocket.Conn) string {
	r.Helper()
	for {
		f := r.read(c)
		if f.Action != "call-state" {
			continue
		}
		var out []string
		for _, call := range f.Calls {
			answered := ""
			if call.Connect != "" {
				answered = "!"
			}
			out = append(out, call.ID+" "+call.State+answered+" "+call.FromNumber+" "+strings.Join(call.Extension, "+"))
		}
		return strings.Join(out, ", ")
	}
}

func TestWhoMayOpenAWebsocket(t *testing.T) {
	r := newRest(t, nil)
	of101, tenant := r.login(as101Body), r.login(`{"name":"3rd","domain":"firm.example"}`)
	var unused string
	_ = json.Unmarshal([]byte(r.ask("POST", "/rest/system/session", asAdmin, as101Body).body), &unused)
	for _, row := range []struct {
		query, session string
		want           int
	}{
		{"domain=firm.example&user=101", "", 401},
		{"domain=firm.example&user=101", "nonsense", 401},
		{"domain=firm.example&user=101&session=" + unused, "", 401},
		{"domain=firm.example&user=101", of101, 101},
		{"domain=firm.example&user=101&session=" + of101, "", 101},
		{"domain=firm.example&user=102", of101, 403},
		{"domain=other.example&user=101", of101, 404},
		{"domain=firm.example&user=999", of101, 404},
		{"domain=firm.example&user=", tenant, 101},
		{"domain=firm.example&user=102", tenant, 101},
	} {
		if _, got := r.dial(row.query, row.session); got != row.want {
			t.Errorf("%s with session %q: %d, want %d", row.query, row.session, got, row.want)
		}
	}
}

// A subscriber is told of everything that is on, at once and at each change;
// a call that is over is in the list no more. Who has not subscribed hears
// nothing.
func TestWebsocketTellsOfCalls(t *testing.T) {
	r := newRest(t, nil)
	session := r.login(as101Body)
	c, _ := r.dial("domain=firm.example&user=101", session)
	deaf, _ := r.dial("domain=firm.example&user=101", session)
	send := func(s Step) {
		s.CallID, s.From, s.Direction = "c1", `"M" <sip:6175550142@firm.example;user=phone>`, "inbound"
		r.Send(t.Context(), s)
	}
	send(Step{Event: NewCall})
	if err := c.WriteMessage(websocket.TextMessage, []byte(`{"action":"domain-calls","subscribe":true}`)); err != nil {
		t.Fatal(err)
	}
	expect := func(want string) {
		t.Helper()
		if got := r.states(c); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	first := r.read(c)
	if first.Action != "" || !strings.Contains(first.raw, `"change"`) {
		t.Errorf("no frame of another kind comes between: %s", first.raw)
	}
	expect("c1 alerting 6175550142 ")
	send(Step{Event: NewCall, Extension: "101"})
	expect("c1 alerting 6175550142 *101")
	send(Step{Event: NewCall, Extension: "102"})
	expect("c1 alerting 6175550142 *101+*102")
	send(Step{Event: NewCall, Extension: "102"}) // nothing new, no frame
	send(Step{Event: Connect, Extension: "101"})
	expect("c1 connected! 6175550142 101")
	send(Step{Event: CallEnd, Extension: "102", Lost: true}) // cancelled already
	send(Step{Event: NewCall, Extension: "104"})
	expect("c1 connected! 6175550142 101, c1 alerting 6175550142 *104")
	send(Step{Event: CallEnd, Extension: "101"})
	expect("c1 alerting 6175550142 *104")
	send(Step{Event: CallEnd})
	expect("")
	send(Step{Event: NewCall, Extension: "105"}) // over is over
	send(Step{Event: NewCall})
	if on := r.LiveForTest(); len(on) != 0 {
		t.Errorf("%v", on)
	}

	if err := c.WriteMessage(websocket.TextMessage, []byte(`{"action":"domain-calls","subscribe":false}`)); err != nil {
		t.Fatal(err)
	}
	if err := deaf.WriteMessage(websocket.TextMessage, []byte(`{"action":"domain-calls","subscribe":true}`)); err != nil {
		t.Fatal(err)
	}
	// The first thing deaf hears is its own subscription, not what was before.
	if got := r.states(deaf); got != "" {
		t.Errorf("%q", got)
	}
	if got := r.SocketActions(); !slices.Contains(got, "domain-calls") {
		t.Errorf("%v", got)
	}
}

func TestLiveIDsMayBeOthers(t *testing.T) {
	r := newRest(t, func(o *PBXOptions) { o.LiveIDs = func(id string) string { return "live-" + id } })
	c, _ := r.dial("domain=firm.example&user=101", r.login(as101Body))
	r.Send(t.Context(), Step{Event: NewCall, CallID: "leg", Primary: "c1", Extension: "101", From: "1", Direction: "outbound"})
	_ = c.WriteMessage(websocket.TextMessage, []byte(`{"action":"domain-calls","subscribe":true}`))
	r.read(c)
	if f := r.read(c); len(f.Calls) != 1 || f.Calls[0].ID != "live-c1" || f.Calls[0].Inbound == nil || *f.Calls[0].Inbound {
		t.Errorf("%s", f.raw)
	}
}

// naps is a sleep that a test ends.
type naps struct {
	mu    sync.Mutex
	slept []time.Duration
	wake  chan struct{}
}

func (n *naps) Sleep(ctx context.Context, d time.Duration) error {
	n.mu.Lock()
	n.slept = append(n.slept, d)
	n.mu.Unlock()
	select {
	case <-n.wake:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestASilentWebsocketIsCutOff(t *testing.T) {
	n := &naps{wake: make(chan struct{})}
	r := newRest(t, func(o *PBXOptions) { o.Sleep = n.Sleep })
	c, _ := r.dial("domain=firm.example&user=101", r.login(as101Body))
	ask := func(s string) {
		t.Helper()
		if err := c.WriteMessage(websocket.TextMessage, []byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	ask(`not json`)
	r.Advance(40 * time.Second)
	ask(`{"action":"avoid-disconnect"}`)
	ask(`{"action":"domain-calls","subscribe":true}`) // once this is answered, the other was heard
	r.states(c)
	r.Advance(30 * time.Second)
	n.wake <- struct{}{}
	r.Send(t.Context(), Step{Event: NewCall, CallID: "c1", Extension: "101", From: "1"})
	if got := r.states(c); got == "" {
		t.Error("cut off though it asked to stay")
	}
	r.Advance(30 * time.Second)
	n.wake <- struct{}{}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, _, err := c.ReadMessage(); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("still connected after a minute of silence: %v", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.slept) < 1 || n.slept[0] != time.Minute {
		t.Errorf("%v", n.slept)
	}
}

func TestCuttingWebsockets(t *testing.T) {
	r := newRest(t, nil)
	session := r.login(as101Body)
	c, _ := r.dial("domain=firm.example&user=101", session)
	_ = c.WriteMessage(websocket.TextMessage, []byte(`{"action":"domain-calls","subscribe":true}`))
	r.states(c)
	if open, subscribed := r.Sockets(); open != 1 || subscribed != 1 {
		t.Errorf("%d, %d", open, subscribed)
	}
	r.CutSockets()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, _, err := c.ReadMessage(); err == nil {
		t.Error("not cut")
	}
	c, status := r.dial("domain=firm.example&user=101", session)
	if status != 101 {
		t.Fatalf("the session is gone: %d", status)
	}
	r.PBX.Close()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, _, err := c.ReadMessage(); err == nil {
		t.Error("not closed")
	}
	if _, status := r.dial("domain=firm.example&user=101", session); status != 503 {
		t.Errorf("a closed PBX takes websockets: %d", status)
	}
}
