package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/smokepop/smokepop/internal/simulator"
)

// frame is one message of smokepop.v1.
type frame map[string]any

// screen is an open socket. It is read by the goroutine of its test alone.
type screen struct {
	t     testing.TB
	conn  *websocket.Conn
	hello frame
	seq   float64
}

// open opens a socket and reads its hello.
func (v *visitor) open() *screen {
	v.t.Helper()
	conn, _, err := v.dial("smokepop.v1")
	if err != nil {
		v.t.Fatalf("open a screen: %v", err)
	}
	return v.greeted(conn)
}

// greeted reads the hello of a socket.
func (v *visitor) greeted(conn *websocket.Conn) *screen {
	v.t.Helper()
	v.t.Cleanup(func() { _ = conn.Close() })
	if conn.Subprotocol() != "smokepop.v1" {
		v.t.Errorf("the subprotocol is %q", conn.Subprotocol())
	}
	sc := &screen{t: v.t, conn: conn}
	if sc.hello = sc.read(); sc.hello["type"] != "hello" {
		v.t.Fatalf("the first frame is %v", sc.hello)
	}
	sc.seq = sc.hello["seq"].(float64)
	return sc
}

// raw reads a frame's bytes.
func (sc *screen) raw() []byte {
	sc.t.Helper()
	_ = sc.conn.SetReadDeadline(time.Now().Add(waitAtMost))
	kind, b, err := sc.conn.ReadMessage()
	if err != nil {
		sc.t.Fatalf("read a frame: %v", err)
	}
	if kind != websocket.TextMessage {
		sc.t.Fatalf("a frame of kind %d: %q", kind, b)
	}
	return b
}

func (sc *screen) read() frame {
	sc.t.Helper()
	b := sc.raw()
	var f frame
	if err := json.Unmarshal(b, &f); err != nil {
		sc.t.Fatalf("the frame %s is no JSON object: %v", b, err)
	}
	return f
}

// next reads a frame of a kind, and sees to it that none before it is missing.
func (sc *screen) next(kind string) frame {
	sc.t.Helper()
	f := sc.read()
	if f["type"] != kind {
		sc.t.Fatalf("the frame is %v, want one of type %q", f, kind)
	}
	if sc.seq++; f["seq"] != sc.seq {
		sc.t.Fatalf("seq is %v, want %v: %v", f["seq"], sc.seq, f)
	}
	return f
}

// closed reads on until the socket is closed and returns the code.
func (sc *screen) closed() int {
	sc.t.Helper()
	for {
		_ = sc.conn.SetReadDeadline(time.Now().Add(waitAtMost))
		if _, _, err := sc.conn.ReadMessage(); err != nil {
			var c *websocket.CloseError
			if !errors.As(err, &c) {
				sc.t.Fatalf("the socket broke: %v", err)
			}
			return c.Code
		}
	}
}

func (sc *screen) send(message string) {
	sc.t.Helper()
	if err := sc.conn.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
		sc.t.Fatal(err)
	}
}

// nothingSince makes sure that no frame has come since the last one read: it
// lets a known call ring, and the next frame has to be that call's.
func (s *system) nothingSince(sc *screen, extension string, c simulator.Caller, id string) {
	s.t.Helper()
	s.mustAccept(event{"event": "ringing", "call_id": id, "from": c.E164(), "to": extension})
	pop := sc.next("pop")
	if got := dig(pop, "pop", "call", "id"); got != id {
		s.t.Fatalf("there was a frame before: %v", pop)
	}
	s.mustAccept(event{"event": "terminated", "call_id": id})
	sc.next("end")
}

// dig returns what is at the end of a path of keys, nil when there is nothing.
func dig(v any, path ...string) any {
	for _, key := range path {
		switch m := v.(type) {
		case frame:
			v = m[key]
		case map[string]any:
			v = m[key]
		default:
			return nil
		}
	}
	return v
}

// names returns the names of a pop's contacts, in alphabetical order.
func names(pop any) []string {
	list := []string{}
	contacts, _ := dig(pop, "contacts").([]any)
	for _, c := range contacts {
		list = append(list, fmt.Sprint(dig(c, "name")))
	}
	slices.Sort(list)
	return list
}

// shape tells what a JSON value is made of: every key, in alphabetical order,
// with the type of its value; of a list its first element.
func shape(v any) string {
	switch v := v.(type) {
	case frame:
		return shape(map[string]any(v))
	case map[string]any:
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, key+":"+shape(v[key]))
		}
		return "{" + strings.Join(parts, " ") + "}"
	case []any:
		if len(v) == 0 {
			return "[]"
		}
		return "[" + shape(v[0]) + "]"
	case string:
		if _, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return "time"
		}
		return "string"
	case float64:
		return "number"
	case bool:
		return "bool"
	case nil:
		return "null"
	}
	return fmt.Sprintf("%T", v)
}

func (sc *screen) wants(f any, want string) {
	sc.t.Helper()
	if got := shape(f); got != want {
		sc.t.Errorf("the shape is\n%s, want\n%s", got, want)
	}
}

// The shapes of DESIGN section 7.
const (
	agentShape      = `{email:string extension:string name:string tenant:string}`
	justPairedShape = `{account:string email_matches:null expires:time problem:string since:time state:string}`
	unpairedShape   = `{account:string email_matches:null expires:null problem:string since:null state:string}`
	pairedShape     = `{account:string email_matches:bool expires:time problem:string since:time state:string}`
	settingsShape   = `{defaults:` + settingShape + ` locked:[] notifications:[string] settings:` + settingShape + `}`
	settingShape    = `{inbound:bool notification:string on:string outbound:bool sound:bool}`
	callShape       = `{direction:string display:string id:string number:string queue:string started:time state:string}`
	contactShape    = `{company:string email:string id:string kind:string matched:string matters:[] name:string url:string}`
	popShape        = `{call:` + callShape + ` contacts:[` + contactShape + `] id:string more:number}`
	cardShape       = `{call:` + callShape + ` contacts:[] id:string links:{create:string search:string} more:number}`
	recentShape     = `{answered_by:string call:` + callShape + ` contacts:[` + contactShape + `] ended:time id:string more:number outcome:string reason:string}`
)

func helloShape(pairing, pops, recent string) string {
	return `{agent:` + agentShape + ` pairing:` + pairing + ` pops:[` + pops + `] recent:[` + recent + `] seq:number service:{state:string} settings:` + settingsShape + ` type:string}`
}

// unlimited is a Smokeball that takes any number of requests.
func unlimited(o *simulator.Options) { o.RateLimit = simulator.RateLimit{PerSecond: -1} }

// setTenant changes a key of a section of the first tenant's configuration.
func setTenant(settings map[string]any, section, key string, value any) {
	tenant := settings["tenants"].([]map[string]any)[0]
	inside, ok := tenant[section].(map[string]any)
	if !ok {
		inside = map[string]any{}
		tenant[section] = inside
	}
	inside[key] = value
}

// tenantSetting is setTenant as the system's option.
func tenantSetting(section, key string, value any) func(*demoWorld, map[string]any) {
	return func(_ *demoWorld, settings map[string]any) { setTenant(settings, section, key, value) }
}
