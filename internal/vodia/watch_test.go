package vodia

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
)

// watchOnce returns why the first connection failed or ended.
func watchOnce(t *testing.T, c *Client) (first error) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_ = c.Watch(ctx, Feed{Calls: func([]LiveCall) {}, State: func(connected bool, why error) {
		if !connected && first == nil {
			first = why
			cancel()
		}
	}})
	return first
}

// livePBX is a PBX with sessions and a websocket.
type livePBX struct {
	*pbx
	mu      sync.Mutex
	tokens  map[string]bool // true: a session
	logins  int
	byURL   bool // takes the session in the address alone
	opened  []string
	frames  []string
	sockets chan *websocket.Conn // each that has subscribed
}

func newLivePBX(t *testing.T, secure bool) *livePBX {
	l := &livePBX{pbx: newPBX(t, secure), tokens: map[string]bool{}, sockets: make(chan *websocket.Conn, 10)}
	l.on("POST /rest/system/session", l.session)
	l.on("*", l.websocket)
	return l
}

func (l *livePBX) session(w http.ResponseWriter, _ *http.Request) {
	in := l.got()
	last := in[len(in)-1]
	var ask map[string]string
	_ = json.Unmarshal([]byte(last.body), &ask)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case ask["name"] == "3rd" && last.auth && ask["domain"] == domain && ask["username"] == "40":
		l.logins++
		token := fmt.Sprintf("token-4711-%09d", l.logins)
		l.tokens[token] = false
		_, _ = io.WriteString(w, `"`+token+`"`)
	case ask["name"] == "session" && !last.auth:
		activated, known := l.tokens[ask["value"]]
		if known && !activated {
			l.tokens[ask["value"]] = true
			w.Header().Add("Set-Cookie", "session="+ask["value"]+"; Path=/; SameSite=Strict; Secure; HttpOnly")
			w.Header().Add("Set-Cookie", "lang=en; Path=/")
			_, _ = io.WriteString(w, "true")
			return
		}
		fallthrough
	default:
		_, _ = io.WriteString(w, "false")
	}
}

func (l *livePBX) websocket(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("session")
	if k, err := r.Cookie("session"); err == nil && !l.byURL {
		id = k.Value
	}
	l.mu.Lock()
	l.opened = append(l.opened, r.URL.Query().Get("domain")+" "+r.URL.Query().Get("user"))
	ok := l.tokens[id]
	l.mu.Unlock()
	if !ok || r.URL.Path != "/websocket" {
		http.Error(w, "", http.StatusUnauthorized)
		return
	}
	conn, err := new(websocket.Upgrader).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	for {
		_, frame, err := conn.ReadMessage()
		if err != nil {
			return
		}
		l.mu.Lock()
		l.frames = append(l.frames, string(frame))
		l.mu.Unlock()
		if string(frame) == subscribe {
			l.sockets <- conn
		}
	}
}

// watching runs a Watch and returns what it tells.
func watching(t *testing.T, c *Client) (calls chan []LiveCall, states chan error, stop func()) {
	calls, states = make(chan []LiveCall, 100), make(chan error, 100)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- c.Watch(ctx, Feed{Calls: func(l []LiveCall) { calls <- l }, State: func(_ bool, why error) { states <- why }})
	}()
	return calls, states, func() {
		cancel()
		if err := <-done; err != context.Canceled {
			t.Errorf("Watch returned %v", err)
		}
	}
}

func say(t *testing.T, conn *websocket.Conn, frames ...string) {
	t.Helper()
	for _, f := range frames {
		if err := conn.WriteMessage(websocket.TextMessage, []byte(f)); err != nil {
			t.Error(err)
		}
	}
}

func as40(c *Config) { c.User = "40" }

func TestLiveCalls(t *testing.T) {
	l := newLivePBX(t, true)
	c := l.client(as40)
	calls, states, stop := watching(t, c)
	conn := <-l.sockets
	if err := <-states; err != nil {
		t.Fatal(err)
	}
	say(t, conn, `{"action":"call-state","info":"x","calls":[]}`, `{"sdp":"v=0"}`, `{"action":"ringtones","calls":[]}`, `[]`, `{"action":"call-state"}`,
		golden(t, "@callstate"))
	got := <-calls
	if len(got) != 4 {
		t.Fatalf("%+v", got)
	}
	made := got[2].ID
	want := []LiveCall{
		{ID: "7", State: "alerting", From: "5162100684", FromName: "Ada", To: "+16173998147", Extensions: []string{"201", "202", "203"}, Direction: "inbound", Queue: "700"},
		{ID: "b@pbx", PrimaryID: "b", State: "connected", Connected: true, From: "<sip:201@firm.example>", To: "0401000000", Extensions: []string{"201"}, Direction: "outbound"},
		{ID: made, From: "anonymous"},
		{ID: "c", State: "terminated", Ended: true, Direction: "internal"},
	}
	if asJSON(t, got) != asJSON(t, want) || !strings.HasPrefix(made, "live-") {
		t.Errorf("got  %s\nwant %s", asJSON(t, got), asJSON(t, want))
	}
	if f := c.Frames(); f != (FrameCounts{CallStates: 1, Ignored: 3, Broken: 4}) {
		t.Errorf("%+v", f)
	}
	stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(l.opened, []string{domain + " 40"}) || !slices.Equal(l.frames, []string{subscribe}) {
		t.Errorf("opened %v, sent %v", l.opened, l.frames)
	}
}

// Lists that arrive in one segment are all taken.
func TestTwoListsInOneSegment(t *testing.T) {
	l := newLivePBX(t, true)
	calls, states, stop := watching(t, l.client(as40))
	defer stop()
	conn := <-l.sockets
	if err := <-states; err != nil {
		t.Fatal(err)
	}
	const lists = 200
	var segment []byte
	for i := range lists {
		list := fmt.Sprintf(`{"action":"call-state","calls":[{"id":"c%d","state":"alerting","extension":["101"]}]}`, i)
		segment = append(append(segment, 0x81, byte(len(list))), list...) // a text frame of a server
	}
	if _, err := conn.UnderlyingConn().Write(segment); err != nil {
		t.Fatal(err)
	}
	for i := range lists {
		if got := <-calls; len(got) != 1 || got[0].ID != fmt.Sprint("c", i) {
			t.Fatalf("list %d is %+v", i, got)
		}
	}
}

// After a cut the connection is made again with the list whole; with a new
// session when the PBX has forgotten the old one.
func TestReconnect(t *testing.T) {
	l := newLivePBX(t, false)
	calls, states, stop := watching(t, l.client(as40))
	defer stop()
	for i := range 3 {
		conn := <-l.sockets
		if err := <-states; err != nil {
			t.Fatal(err)
		}
		say(t, conn, fmt.Sprintf(`{"action":"call-state","calls":[{"id":"%d","state":"alerting"}]}`, i))
		if got := <-calls; len(got) != 1 || got[0].ID != fmt.Sprint(i) {
			t.Fatalf("%d: %v", i, got)
		}
		l.mu.Lock()
		clear(l.tokens)
		l.mu.Unlock()
		conn.Close()
		if why := <-states; !is(why, Unreachable) || sentence(why) != "" {
			t.Fatalf("%v", why)
		}
	}
}

func TestSessionInTheAddress(t *testing.T) {
	l := newLivePBX(t, false)
	l.byURL = true
	_, states, stop := watching(t, l.client(as40))
	defer stop()
	<-l.sockets
	if err := <-states; err != nil {
		t.Error(err)
	}
}

func TestSessionsThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*livePBX)
		kind Kind
		says string
	}{
		{"false with 200", func(l *livePBX) { l.says("POST /rest/system/session", "false") }, BadCredentials, "system administrator"},
		{"unknown tenant", func(l *livePBX) { l.status("POST /rest/system/session", 404) }, NotFound, "(404)"},
		{"no API access", func(l *livePBX) { l.status("POST /rest/system/session", 403) }, Forbidden, "enable API access"},
		{"a web page", func(l *livePBX) { l.says("POST /rest/system/session", "<html>") }, NotAPBX, "a web page"},
		{"an odd token", func(l *livePBX) { l.says("POST /rest/system/session", `"a\r\nb"`) }, Broken, "no session token"},
		{"a token that is not accepted", func(l *livePBX) {
			l.on("POST /rest/system/session", func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, map[bool]string{true: `"token-4711"`, false: "false"}[len(l.got()) == 1])
			})
		}, Refused, "its own session token"},
		{"no websocket", func(l *livePBX) { l.says("*", "<html>") }, NotAPBX, "no websocket"},
		{"websocket refused", func(l *livePBX) { l.status("*", 401) }, BadCredentials, "does not accept the session"},
		{"websocket fails", func(l *livePBX) { l.status("*", 500) }, Broken, "(500)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLivePBX(t, true)
			c.set(l)
			err := watchOnce(t, l.client(as40))
			if !is(err, c.kind) || !strings.Contains(err.Error(), c.says) || sentence(err) != "" {
				t.Errorf("%v, want %s %q", err, c.kind, c.says)
			}
		})
	}
}

func TestFramesThatAreTooLarge(t *testing.T) {
	l := newLivePBX(t, false)
	calls, states, stop := watching(t, l.client(as40))
	defer stop()
	conn := <-l.sockets
	<-states
	_ = conn.WriteMessage(websocket.TextMessage, []byte(`{"action":"`+strings.Repeat("x", maxFrame)+`"}`))
	if why := <-states; !is(why, Broken) {
		t.Errorf("%v", why)
	}
	if len(calls) > 0 {
		t.Error("taken all the same")
	}
}
