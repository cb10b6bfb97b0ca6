package vodia

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// settings makes the PBX keep settings at a path, as a table or flat, and show
// passwords as asterisks.
func (p *pbx) settings(path string, table bool) map[string]string {
	kept := map[string]string{}
	var mu sync.Mutex
	p.on("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		out := []map[string]string{}
		flat := map[string]string{"email": "a@x"}
		for k, v := range kept {
			var h map[string]any
			if json.Unmarshal([]byte(v), &h) == nil && h["pass"] != "" {
				h["pass"] = "********"
				v = asJSON(p.t, h)
			}
			out = append(out, map[string]string{"name": k, "value": v})
			flat[k] = v
		}
		if table {
			_, _ = io.WriteString(w, asJSON(p.t, map[string]any{"settings": out}))
		} else {
			_, _ = io.WriteString(w, asJSON(p.t, flat))
		}
	})
	p.on("POST "+path, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		in := p.got()
		body := in[len(in)-1].body
		var t struct {
			Table    string
			Settings []struct{ Name, Value string }
		}
		flat := map[string]string{}
		if table && json.Unmarshal([]byte(body), &t) == nil && t.Table == "domains" {
			for _, s := range t.Settings {
				kept[s.Name] = s.Value
			}
		} else if table || json.Unmarshal([]byte(body), &flat) != nil {
			http.Error(w, "", 400)
			return
		}
		for k, v := range flat {
			kept[k] = v
		}
		_, _ = io.WriteString(w, "true")
	})
	return kept
}

func ours(name string, h Hook) bool { return strings.HasPrefix(h.URL, "https://smokepop.example") }

func TestHooksOnBothLevels(t *testing.T) {
	for level, path := range map[Level]string{Tenant: base + "/actionurl_settings", "201": base + "/user_settings/201"} {
		t.Run(level.String(), func(t *testing.T) {
			p := newPBX(t, false)
			kept := p.settings(path, level == Tenant)
			kept["acturl_mailbox"] = `{"url":"https://other.example","method":"GET"}`
			kept[HookConnect] = `{"url":"https://smokepop.example/old","method":"GET","region":"eu","odd":{"a":1}}`
			c, posts := p.client(), func() int { return p.count("POST " + path) }
			there, err := c.Hooks(t.Context(), level)
			if err != nil || len(there) != 2 || there["acturl_mailbox"].URL != "https://other.example" {
				t.Fatalf("%v, %v", there, err)
			}
			connect := there[HookConnect]
			connect.URL, connect.Body = "https://smokepop.example/new", `{"a":"{from-display}"}`
			want := map[string]Hook{HookNewCall: {Method: "POST", URL: "https://smokepop.example/new", Auth: "Basic", User: "u", Password: "pw",
				Headers: "X-A: 1", Encoding: "json", Body: "b\n"}, HookConnect: connect, HookCall: {}}
			if err := c.SetHooks(t.Context(), level, want, ours); err != nil || posts() != 1 {
				t.Fatalf("%v after %d writes", err, posts())
			}
			if !strings.Contains(kept[HookConnect], `"odd":{"a":1}`) || !strings.Contains(kept[HookConnect], `"region":"eu"`) {
				t.Errorf("fields that are not known are gone: %s", kept[HookConnect])
			}
			if kept["acturl_mailbox"] != `{"url":"https://other.example","method":"GET"}` || len(kept) != 3 {
				t.Errorf("others' settings: %v", kept)
			}
			if there, err = c.Hooks(t.Context(), level); err != nil || !there[HookNewCall].Same(want[HookNewCall]) || !there[HookConnect].Same(connect) {
				t.Errorf("%v, %v", there, err)
			}
			// The same again: a password cannot be compared, so its webhook is written
			// again; the rest is not.
			want[HookNewCall] = there[HookNewCall]
			if err := c.SetHooks(t.Context(), level, want, ours); err != nil || posts() != 1 {
				t.Errorf("%v after %d writes", err, posts())
			}
			if err := c.SetHooks(t.Context(), level, map[string]Hook{HookNewCall: {}, HookConnect: {}}, ours); err != nil || kept[HookNewCall]+kept[HookConnect] != "" {
				t.Errorf("%v: %v", err, kept)
			}
		})
	}
}

// Somebody else's webhook is overwritten by nobody who has not said so, and
// then nothing is written at all.
func TestForeignHooksStay(t *testing.T) {
	p := newPBX(t, false)
	path := base + "/actionurl_settings"
	p.says("GET "+path, "@hooks")
	p.says("POST "+path, "true")
	c := p.client()
	want := map[string]Hook{HookConnect: {URL: "https://smokepop.example"}, HookNewCall: {URL: "https://smokepop.example"}}
	for name, mine := range map[string]func(string, Hook) bool{"nil": nil, "not ours": ours} {
		err := c.SetHooks(t.Context(), Tenant, want, mine)
		if !is(err, Foreign) || !strings.Contains(err.Error(), HookConnect) || strings.Contains(err.Error(), HookNewCall) || sentence(err) != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := c.SetHooks(t.Context(), Tenant, map[string]Hook{HookConnect: {}}, ours); !is(err, Foreign) {
		t.Errorf("taken off: %v", err)
	}
	if n := p.count("POST " + path); n != 0 {
		t.Errorf("%d writes", n)
	}
	// A setting that is no webhook we know is somebody's too.
	p.says("GET "+path, `{"acturl_connect":"http://legacy.example/{address}"}`)
	if err := c.SetHooks(t.Context(), Tenant, want, ours); !is(err, Foreign) {
		t.Errorf("legacy: %v", err)
	}
}

// A PBX that says yes and keeps nothing is found out.
func TestHooksThatAreNotKept(t *testing.T) {
	p := newPBX(t, false)
	p.says("GET "+base+"/user_settings/201", `{"email":"a@x"}`)
	p.says("POST "+base+"/user_settings/201", ``)
	err := p.client().SetHooks(t.Context(), "201", map[string]Hook{HookCall: {URL: "https://x"}}, nil)
	if !is(err, Refused) || !strings.Contains(err.Error(), "does not keep it") {
		t.Errorf("%v", err)
	}
	p.says("POST "+base+"/user_settings/201", "false")
	if err := p.client().SetHooks(t.Context(), "201", map[string]Hook{HookCall: {URL: "https://x"}}, nil); !is(err, Refused) {
		t.Errorf("%v", err)
	}
}

func TestAccountHooksElsewhere(t *testing.T) {
	p := newPBX(t, false)
	kept := p.settings("/rest/user/201@"+domain+"/actionurl_settings", true)
	c := p.client(func(c *Config) {
		c.AccountHooksPath, c.AccountHooksTable = "/rest/user/{account}@{domain}/actionurl_settings", "domains"
	})
	if err := c.SetHooks(t.Context(), "201", map[string]Hook{HookCall: {URL: "https://x"}}, nil); err != nil || kept[HookCall] == "" {
		t.Errorf("%v %v", err, kept)
	}
}

func TestDial(t *testing.T) {
	p := newPBX(t, false)
	what := "POST /rest/user/201@" + domain + "/calls"
	p.says(what, "")
	c := p.client()
	if err := c.Dial(t.Context(), "201", "+16173998147"); err != nil {
		t.Fatal(err)
	}
	if got := p.got(); len(got) != 1 || got[0] != (sent{what, `{"name":"+16173998147","remote-dial":"+16173998147"}`, true}) {
		t.Errorf("%v", got)
	}
	p.status(what, 403)
	if err := c.Dial(t.Context(), "201", "16173998147"); !is(err, Forbidden) || !strings.Contains(err.Error(), "pbx.dial") || sentence(err) != "" || strings.Contains(err.Error(), "6173") {
		t.Errorf("%v", err)
	}
	p.says(what, "false")
	if err := c.Dial(t.Context(), "201", "16173998147"); !is(err, Refused) {
		t.Errorf("%v", err)
	}
}
