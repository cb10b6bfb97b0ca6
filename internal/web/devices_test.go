package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

type sessionList struct {
	Sessions []struct {
		ID, Tenant, Extension, Device, Method, Address string
		Created                                        time.Time
		LastSeen                                       time.Time `json:"last_seen"`
		Screens                                        int
		Current                                        bool
	}
}

func (r *rig) sessionsOf(cookie *http.Cookie) (l sessionList) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(wants(r.t, r.request("GET", "/api/sessions", "", with(cookie)), 200)), &l); err != nil {
		r.t.Fatal(err)
	}
	return l
}

const chromeOnWindows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"

func TestAnAgentSeesTheirDevicesAndNobodyElses(t *testing.T) {
	r := newRig(t)
	first := r.join(priya, header("User-Agent", chromeOnWindows), from("203.0.113.7"))
	r.clock.pass(time.Minute)
	second := r.join(priya, from("2001:db8::1"))
	r.join(daniel)
	id, _ := hashed(first.Value)
	r.wall.of[id] = 2
	l := r.sessionsOf(second)
	if len(l.Sessions) != 2 {
		t.Fatalf("%+v", l)
	}
	now, old := l.Sessions[0], l.Sessions[1]
	if !now.Current || old.Current || old.ID != id[:16] || old.Device != "Chrome on Windows" || old.Address != "203.0.113.7" || old.Method != "invite" || old.Screens != 2 {
		t.Errorf("%+v", l)
	}
	if now.Device != "Unknown device" || now.Screens != 0 || now.Address != "2001:db8::1" {
		t.Errorf("%+v", now)
	}
	wants(t, r.request("GET", "/api/sessions", ""), 401)
}

func TestAnAgentEndsADevice(t *testing.T) {
	r := newRig(t)
	lost, mine, daniels := r.join(priya), r.join(priya), r.join(daniel)
	id, _ := hashed(lost.Value)
	his, _ := hashed(daniels.Value)
	wants(t, r.request("DELETE", "/api/sessions/"+his[:16], "", with(mine)), 404)
	wants(t, r.request("DELETE", "/api/sessions/"+id[:16], "", with(mine), header("Origin", "https://evil.example")), 403)
	wants(t, r.request("DELETE", "/api/sessions/"+id[:16], "", with(mine)), 204)
	wants(t, r.request("DELETE", "/api/sessions/"+id[:16], "", with(mine)), 404)
	wants(t, r.request("GET", "/api/me", "", with(lost)), 401)
	wants(t, r.request("GET", "/api/me", "", with(daniels)), 200)
	if said := strings.Join(r.wall.said(), ";"); said != "close session "+id[:8]+" 4501" {
		t.Errorf("screens were told %q", said)
	}
	own, _ := hashed(mine.Value)
	res := r.request("DELETE", "/api/sessions/"+own[:16], "", with(mine))
	wants(t, res, 204)
	if c := res.Cookies(); len(c) != 1 || c[0].MaxAge >= 0 {
		t.Errorf("the browser keeps %v", c)
	}
}

func TestTheAdminListsAndEndsDevices(t *testing.T) {
	r := newRig(t)
	one, two := r.join(priya), r.join(priya)
	r.join(daniel)
	var l sessionList
	if err := json.Unmarshal([]byte(r.adminCall("GET", "/v1/sessions?extension=101&tenant=FIRM.example.com", "")), &l); err != nil {
		t.Fatal(err)
	}
	if len(l.Sessions) != 2 || l.Sessions[0].Extension != "101" || l.Sessions[0].Tenant != string(priya.Tenant) {
		t.Fatalf("%+v", l)
	}
	id, _ := hashed(one.Value)
	if got := r.adminCall("POST", "/v1/sign-out", `{"tenant":"firm.example.com","extension":"101","session":"`+id[:16]+`"}`); got != "{\"sessions\":1}\n" {
		t.Error(got)
	}
	wants(t, r.request("GET", "/api/me", "", with(one)), 401)
	wants(t, r.request("GET", "/api/me", "", with(two)), 200)
	if said := strings.Join(r.wall.said(), ";"); said != "close session "+id[:8]+" 4503" {
		t.Errorf("screens were told %q", said)
	}
}

// A page that stays open asks for nothing all day: its session is in use.
func TestAnOpenScreenKeepsItsSession(t *testing.T) {
	r := newRig(t)
	open, shut := r.join(priya), r.join(priya)
	id, _ := hashed(open.Value)
	r.wall.of[id] = 1
	r.clock.pass(sessionIdle + time.Hour)
	wants(t, r.request("GET", "/api/me", "", with(shut)), 401)
	if ended, err := r.server.sessions.sweep(t.Context()); err != nil || len(ended) != 1 {
		t.Fatal(ended, err)
	}
	r.wall.of[id] = 0
	r.clock.pass(sessionIdle - time.Hour) // of the sweep's note
	wants(t, r.request("GET", "/api/me", "", with(open)), 200)
	r.clock.pass(sessionLife)
	r.wall.of[id] = 1
	wants(t, r.request("GET", "/api/me", "", with(open)), 401)
}

func TestDevicesInWords(t *testing.T) {
	for agent, want := range map[string]string{
		chromeOnWindows: "Chrome on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0":                  "Edge on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15":                          "Safari on macOS",
		"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0":                                                                         "Firefox on Linux",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1": "Chrome on iPhone",
		"": "Unknown device", "curl/8": "Unknown device", "<script>Windows": "A browser on Windows",
	} {
		if got := device(agent); got != want {
			t.Errorf("%q is %q, want %q", agent, got, want)
		}
	}
}
