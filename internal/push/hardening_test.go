package push_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/smokepop/smokepop/internal/push"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// refused checks that the handshake is answered with a problem and leaves no
// screen behind.
func refused(t *testing.T, g *rig, status int, change func(*websocket.Dialer, http.Header)) {
	t.Helper()
	conn, resp, err := g.try(priya, "s", change)
	if err == nil {
		conn.Close()
		t.Errorf("a socket was opened, want %d", status)
		return
	}
	if resp == nil {
		t.Errorf("no answer: %v", err)
		return
	}
	body, _ := io.ReadAll(resp.Body)
	var p struct {
		Status int
		Detail string
	}
	if resp.StatusCode != status || resp.Header.Get("Content-Type") != "application/problem+json" || json.Unmarshal(body, &p) != nil || p.Status != status || p.Detail == "" {
		t.Errorf("answered %d %s %s, want a problem with %d", resp.StatusCode, resp.Header.Get("Content-Type"), body, status)
	}
	if n := g.Screens(priya); n != 0 {
		t.Errorf("%d screens left", n)
	}
}

func TestForeignAndLookAlikeOrigins(t *testing.T) {
	g := start(t, push.Limits{})
	for _, o := range []string{
		"https://evil.example",
		"https://pop.firm.example.evil.com",
		"https://evil.com/https://pop.firm.example",
		"https://evil.com#pop.firm.example",
		"https://pop.firm.example@evil.com",
		"https://user@pop.firm.example",
		"https://xpop.firm.example",
		"https://pop.firm.exampl",
		"https://pop.firm.example.",
		"https://pop.firm.example/",
		"https://pop.firm.example:443",
		"https://pop.firm.example:8443",
		"http://pop.firm.example",
		"wss://pop.firm.example",
		"HTTPS://pop.firm.example",
		"https://POP.firm.example",
		"https://pop%2efirm.example",
		"https://pop.fırm.example",
		"//pop.firm.example",
		"pop.firm.example",
		"null",
		"",
		"*",
	} {
		t.Run(o, func(t *testing.T) {
			refused(t, g, http.StatusForbidden, func(_ *websocket.Dialer, h http.Header) { h.Set("Origin", o) })
		})
	}
	if n := g.sample(t, "smokepop_screens_refused_total", "origin"); n != 23 {
		t.Errorf("%v refusals counted", n)
	}
}

func TestMissingOrigin(t *testing.T) {
	refused(t, start(t, push.Limits{}), http.StatusForbidden, func(_ *websocket.Dialer, h http.Header) { h.Del("Origin") })
}

func TestTwoOrigins(t *testing.T) {
	refused(t, start(t, push.Limits{}), http.StatusForbidden, func(_ *websocket.Dialer, h http.Header) { h["Origin"] = []string{origin, "https://evil.example"} })
}

// The server's own name in Host does not make a foreign page ours.
func TestOriginEqualToHostIsNotEnough(t *testing.T) {
	refused(t, start(t, push.Limits{}), http.StatusForbidden, func(_ *websocket.Dialer, h http.Header) {
		h.Set("Origin", "https://evil.example")
		h.Set("Host", "evil.example")
	})
}

func TestNoOriginConfiguredOpensNothing(t *testing.T) {
	h := push.New(push.Config{Pairings: &pairings{}})
	defer func() {
		if err := h.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "")
	w := &recorded{header: http.Header{}}
	h.Serve(w, r, push.Viewer{})
	if w.status != http.StatusForbidden {
		t.Errorf("answered %d", w.status)
	}
}

type recorded struct {
	header http.Header
	status int
	bytes.Buffer
}

func (w *recorded) Header() http.Header    { return w.header }
func (w *recorded) WriteHeader(status int) { w.status = status }

func TestSubprotocolIsRequired(t *testing.T) {
	g := start(t, push.Limits{})
	for name, protocols := range map[string][]string{
		"none": nil, "another": {"smokepop.v2"}, "longer": {"smokepop.v10"}, "case": {"Smokepop.V1"}, "several": {"chat", "soap"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, g, http.StatusBadRequest, func(d *websocket.Dialer, _ http.Header) { d.Subprotocols = protocols })
		})
	}
	b := g.openWith(t, priya, "s", func(d *websocket.Dialer, _ http.Header) { d.Subprotocols = []string{"smokepop.v2", push.Subprotocol} })
	if p := b.conn.Subprotocol(); p != push.Subprotocol {
		t.Errorf("agreed on %q", p)
	}
}

func TestHandshakesThatAreNone(t *testing.T) {
	g := start(t, push.Limits{})
	whole := http.Header{
		"Origin": {origin}, "Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Sec-Websocket-Protocol": {push.Subprotocol},
	}
	for _, c := range []struct {
		name, method, key, value string
		status                   int
	}{
		{"plain request", "GET", "Upgrade", "", http.StatusUpgradeRequired},
		{"no connection header", "GET", "Connection", "keep-alive", http.StatusUpgradeRequired},
		{"POST", "POST", "Origin", origin, http.StatusMethodNotAllowed},
		{"old version", "GET", "Sec-Websocket-Version", "8", http.StatusBadRequest},
		{"no key", "GET", "Sec-Websocket-Key", "", http.StatusBadRequest},
		{"short key", "GET", "Sec-Websocket-Key", "c2hvcnQ=", http.StatusBadRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), c.method, g.server.URL+"/101", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header = whole.Clone()
			r.Header.Set(c.key, c.value)
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != c.status || resp.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("answered %d %s, want a problem with %d", resp.StatusCode, resp.Header.Get("Content-Type"), c.status)
			}
			if n := g.Screens(priya); n != 0 {
				t.Errorf("%d screens left", n)
			}
		})
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

func TestCompressionIsNotAccepted(t *testing.T) {
	g := start(t, push.Limits{})
	conn, resp, err := g.try(priya, "s", func(d *websocket.Dialer, _ http.Header) { d.EnableCompression = true })
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t, conn}
	if e := resp.Header.Get("Sec-Websocket-Extensions"); e != "" {
		t.Errorf("agreed on %q", e)
	}
	b.want("hello 0 live 0 recent")
	raw(t, b, 0xc1, 0x80|1, 0, 0, 0, 0, 'x') // a text frame with the compression bit
	b.wantClose(websocket.CloseProtocolError)
}

// raw writes bytes to the connection as they are.
func raw(t *testing.T, b *browser, bytes ...byte) {
	t.Helper()
	if _, err := b.conn.NetConn().Write(bytes); err != nil {
		t.Fatal(err)
	}
}

// masked is a frame of a client: first byte, payload, under a mask of zeros.
func masked(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// What the protocol does not know closes the socket with 4504, and only that
// socket. What the websocket standard does not allow, no browser can send; it
// is answered with the standard's 1002.
func TestFramesThatBreakTheProtocol(t *testing.T) {
	const text, binary, ping, fin = 1, 2, 9, 0x80
	dismiss := `{"type":"dismiss","id":"a"}`
	for _, c := range []struct {
		name  string
		frame []byte
		code  int
	}{
		{"binary", masked(fin|binary, dismiss), int(push.Protocol)},
		{"empty", masked(fin|text, ""), int(push.Protocol)},
		{"no JSON", masked(fin|text, "dismiss a"), int(push.Protocol)},
		{"unknown type", masked(fin|text, `{"type":"subscribe","id":"a"}`), int(push.Protocol)},
		{"no id", masked(fin|text, `{"type":"dismiss"}`), int(push.Protocol)},
		{"a list", masked(fin|text, "["+dismiss+"]"), int(push.Protocol)},
		{"two in one", masked(fin|text, dismiss+dismiss), int(push.Protocol)},
		{"invalid UTF-8", masked(fin|text, "{\"type\":\"dismiss\",\"id\":\"\xc3\x28\"}"), int(push.Protocol)},
		{"oversize", masked(fin|text, `{"type":"dismiss","id":"`+strings.Repeat("a", 1024)+`"}`), int(push.Protocol)},
		{"oversize by spaces only", masked(fin|text, dismiss+strings.Repeat(" ", 1024)), int(push.Protocol)},
		{"oversize by far", masked(fin|text, strings.Repeat(" ", 1<<20)), int(push.Protocol)},
		{"oversize in fragments", append(masked(text, strings.Repeat(" ", 600)), masked(fin, strings.Repeat(" ", 600))...), int(push.Protocol)},
		{"impossible length", []byte{fin | text, 0x80 | 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, -1},
		{"unmasked", append([]byte{fin | text, byte(len(dismiss))}, dismiss...), websocket.CloseProtocolError},
		{"reserved bit", masked(fin|0x20|text, dismiss), websocket.CloseProtocolError},
		{"unknown opcode", masked(fin|3, dismiss), websocket.CloseProtocolError},
		{"continuation of nothing", masked(fin, dismiss), websocket.CloseProtocolError},
		{"text inside a fragmented text", append(masked(text, "{"), masked(fin|text, dismiss)...), websocket.CloseProtocolError},
		{"fragmented ping", masked(ping, "x"), websocket.CloseProtocolError},
		{"long ping", masked(fin|ping, strings.Repeat("x", 126)), websocket.CloseProtocolError},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := start(t, push.Limits{})
			bystander := g.open(t, priya, "s")
			bystander.read()
			b := g.open(t, priya, "s")
			b.read()
			raw(t, b, c.frame...)
			if c.code > 0 {
				b.wantClose(c.code)
			} else if _, err := b.next(); err == nil {
				t.Error("the socket stayed open")
			}
			eventually(t, "the screen leaves", func() bool { return g.Screens(priya) == 1 })
			g.Pop(priya, pop("a", screenpop.Ringing), time.Now())
			bystander.want("pop a ringing")
			if n := g.sample(t, "smokepop_screens_closed_total", "protocol"); n != 1 {
				t.Errorf("%v counted as protocol, want 1", n)
			}
		})
	}
}

func TestNothingIsHeededAfterABreach(t *testing.T) {
	g := start(t, push.Limits{})
	bystander, b := g.open(t, priya, "s"), g.open(t, priya, "s")
	bystander.read()
	g.Pop(priya, pop("a", screenpop.Ringing), time.Now())
	raw(t, b, append(masked(0x81, "breach"), masked(0x81, `{"type":"dismiss","id":"a"}`)...)...)
	b.wantClose(int(push.Protocol))
	b.conn.Close()
	eventually(t, "the screen leaves", func() bool { return g.Screens(priya) == 1 })
	g.Update(priya, pop("a", screenpop.Connected))
	bystander.want("pop a ringing", "update a connected")
}

// Fragments are the standard's good right.
func TestFragmentedDismissIsUnderstood(t *testing.T) {
	g := start(t, push.Limits{})
	b := g.open(t, priya, "s")
	b.read()
	g.Pop(priya, pop("a", screenpop.Ringing), time.Now())
	raw(t, b, masked(1, `{"type":"dis`)...)
	raw(t, b, masked(0x89, "are you there?")...) // control frames may come between
	raw(t, b, masked(0x80, `miss","id":"a"}`)...)
	b.want("pop a ringing", "end a dismissed")
}

func TestAFrameThatNeverEnds(t *testing.T) {
	g := start(t, push.Limits{})
	b := g.open(t, priya, "s")
	b.read()
	raw(t, b, masked(1, `{"type":"dis`)...) // and no more
	g.Pop(priya, pop("a", screenpop.Ringing), time.Now())
	b.want("pop a ringing")
	b.conn.Close()
	eventually(t, "the screen leaves", func() bool { return g.Screens(priya) == 0 })
	if n := g.sample(t, "smokepop_screens_closed_total", "gone"); n != 1 {
		t.Errorf("%v counted as gone, want 1", n)
	}
}

func TestAnotherAgentsPopCannotBeDismissed(t *testing.T) {
	g := start(t, push.Limits{})
	mine, theirs := g.open(t, priya, "s1"), g.open(t, agent("102"), "s2")
	mine.read()
	theirs.read()
	g.Pop(priya, pop("a", screenpop.Ringing), time.Now())
	mine.want("pop a ringing")
	theirs.send(`{"type":"dismiss","id":"a"}`)
	theirs.send(`{"type":"dismiss","id":"b"}`)
	g.Pop(agent("102"), pop("b", screenpop.Ringing), time.Now())
	theirs.want("pop b ringing")
	theirs.send(`{"type":"dismiss","id":"b"}`) // all before it has been worked off when this is answered
	theirs.want("end b dismissed")
	g.Update(priya, pop("a", screenpop.Connected))
	mine.want("update a connected")
}

func TestAFloodOfMessages(t *testing.T) {
	for name, frame := range map[string][]byte{
		"dismissals": masked(0x81, `{"type":"dismiss","id":"x"}`),
		"openings":   masked(0x81, `{"type":"open","id":"x"}`),
		"pings":      masked(0x89, "x"),
		"pongs":      masked(0x8a, "x"),
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t, push.Limits{Messages: 50})
			b := g.open(t, priya, "s")
			b.read()
			raw(t, b, bytes.Repeat(frame, 60)...)
			b.wantClose(int(push.Protocol))
		})
	}
}

// Pings whose pongs are not read must not keep the hub from reading.
func TestUnreadPongsDoNotStopTheReader(t *testing.T) {
	g := start(t, push.Limits{Messages: 1 << 30})
	b := g.openWith(t, priya, "s", smallBuffer)
	raw(t, b, bytes.Repeat(masked(0x89, strings.Repeat("x", 125)), 20_000)...)
	g.Pop(priya, pop("a", screenpop.Ringing), time.Now())
	b.send(`{"type":"dismiss","id":"a"}`)
	b.want("hello 0 live 0 recent", "pop a ringing", "end a dismissed")
}

// What is in a contact is data, whatever it says.
func TestScriptInAName(t *testing.T) {
	g := start(t, push.Limits{})
	b := g.open(t, priya, "s")
	b.read()
	p := pop("a", screenpop.Ringing)
	p.Contacts[0].Name = "</script><img src=x onerror=alert(1)>\u2028\"}],\"type\":\"hello\"\x00"
	g.Pop(priya, p, time.Now())
	_, data, err := b.conn.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	var m msg
	if err := json.Unmarshal(data, &m); err != nil || m.Type != "pop" || m.Pop.Contacts[0].Name != p.Contacts[0].Name {
		t.Errorf("got %s, %v", data, err)
	}
	if bytes.ContainsAny(data, "<>\u2028") {
		t.Errorf("not escaped: %s", data)
	}
}

// A client that talks before the handshake is answered gets no screen.
func TestDataBeforeTheHandshakeIsAnswered(t *testing.T) {
	g := start(t, push.Limits{})
	conn, err := net.Dial("tcp", g.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /101 HTTP/1.1\r\nHost: x\r\nOrigin: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: smokepop.v1\r\n\r\n%s",
		origin, masked(0x81, `{"type":"dismiss","id":"a"}`))
	if answer, _ := io.ReadAll(conn); bytes.Contains(answer, []byte("hello")) {
		t.Errorf("answered %q", answer)
	}
	eventually(t, "no screen is left", func() bool { return g.Screens(priya) == 0 })
}
