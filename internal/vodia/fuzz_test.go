package vodia

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// seed adds golden bodies and odd ones.
func seed(f *testing.F, names ...string) {
	for _, s := range []string{"", "null", "false", "[]", "{}", "<html>", `"x"`, "17", `{"accounts":{"201":null}}`, `[{"account":["201"]}]`,
		`{"settings":{"a":1}}`, `{"a-b":1,"a_b":2,"aB":"x"}`, `{"\u0000":"\ud800"}`, `[[[["201"]]]]`, "[{\"account\":\"201\",\"name\":\"a\\u0007\\nb\"}]"} {
		f.Add([]byte(s))
	}
	for _, n := range names {
		f.Add([]byte(golden(nil, "@"+n)))
	}
}

// shown fails for text that cannot be shown on one line.
func shown(t *testing.T, values ...string) {
	t.Helper()
	for _, s := range values {
		if len(s) > maxText || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) || s != strings.TrimSpace(s) {
			t.Errorf("%q is not a clean line", s)
		}
	}
}

func FuzzAccounts(f *testing.F) {
	seed(f, "userlist", "extensions", "users", "list2020")
	f.Fuzz(func(t *testing.T, b []byte) {
		list, ok := decodeAccounts(b, domain, Extension, []string{"email"})
		again, _ := decodeAccounts(b, domain, Extension, []string{"email"})
		if !reflect.DeepEqual(list, again) {
			t.Error("read twice, read differently")
		}
		if !ok && len(list) > 0 {
			t.Error("a list that is none")
		}
		for i, a := range list {
			if !pathSafe(a.Extension) || i > 0 && list[i-1].Extension >= a.Extension {
				t.Errorf("extension %q after %q", a.Extension, list[max(0, i-1)].Extension)
			}
			if a.Email != "" && !strings.Contains(a.Email, "@") || a.Name == a.Extension || slices.Contains(a.Aliases, a.Extension) || a.Kind == untold {
				t.Errorf("%+v", a)
			}
			shown(t, append(a.Aliases, a.Extension, a.Name, a.Email)...)
		}
	})
}

func FuzzSettings(f *testing.F) {
	seed(f, "hooks")
	f.Add([]byte(`{"email":"a@x","name":["b"]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		o := decodeSettings(b)
		address := email(o, []string{"email", "email_address"})
		shown(t, address, o.text("name"))
		if o != nil && !json.Valid(b) {
			t.Error("read from what is not JSON")
		}
		if user, host, ok := strings.Cut(address, "@"); address != "" && (!ok || user == "" || host == "") {
			t.Errorf("e-mail %q", address)
		}
	})
}

func FuzzGroups(f *testing.F) {
	seed(f, "groups")
	f.Fuzz(func(t *testing.T, b []byte) {
		list, _ := decodeGroups(b)
		for i, g := range list {
			shown(t, append(slices.Concat(g.Specific, g.Except), g.ID, g.Name)...)
			if g.ID == "" || i > 0 && list[i-1].ID >= g.ID {
				t.Errorf("%+v", g)
			}
			for _, e := range g.Except {
				if g.Has(e) {
					t.Errorf("%s is in a group it is excepted from", e)
				}
			}
			if g.Specific == nil && g.Except == nil && g.Has("201") {
				t.Error("in a group without members")
			}
			one := decodeGroup(b, g)
			shown(t, append(slices.Concat(one.Specific, one.Except), one.ID, one.Name)...)
		}
	})
}

// What is read can be written back: the same webhook, and no field lost.
func FuzzHooks(f *testing.F) {
	seed(f, "hooks")
	f.Add([]byte(`{"acturl_call":{"url":"https://x","pass":17,"more":[1]},"ACTURL-newCall":"http://legacy"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		hooks, _ := decodeHooks(b)
		for name, h := range hooks {
			if !hookName(name) || !h.Set() && h.Body == "" {
				t.Errorf("%q: %+v", name, h)
			}
			if !h.Set() {
				continue
			}
			back, ok := decodeHook(json.RawMessage(h.setting()))
			if !ok || !back.Same(h) {
				t.Errorf("%+v came back as %+v", h, back)
			}
			var before, after map[string]json.RawMessage
			_ = json.Unmarshal(h.Raw, &before)
			_ = json.Unmarshal(back.Raw, &after)
			for k := range before {
				if _, ok := after[k]; !ok {
					t.Errorf("field %q is lost", k)
				}
			}
		}
	})
}

func FuzzFrame(f *testing.F) {
	seed(f, "callstate")
	for _, s := range []string{`{"bye":"true","callid":"x","code":415}`, `{"invitesdp":"v=0","from":"x"}`, `{"action":"call-state","calls":{"7":{"state":"x"}}}`,
		`{"action":"call-state","calls":[{"extension":"**","from":"1","connect":true}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &Client{cfg: Config{Domain: domain}}
		calls, ok := c.take(b)
		again, _ := c.take(b)
		if !reflect.DeepEqual(calls, again) {
			t.Error("read twice, read differently")
		}
		if n := c.Frames(); !ok && (len(calls) > 0 || n.Ignored+n.Broken == 0) || ok && n.CallStates != 2 {
			t.Errorf("%v counted as %+v", ok, n)
		}
		for _, l := range calls {
			if l.ID == "" || l.Connected && l.Ended || l.State != strings.ToLower(l.State) {
				t.Errorf("%+v", l)
			}
			for _, e := range l.Extensions {
				if e == "" || strings.HasPrefix(e, "*") || strings.HasSuffix(e, "*") {
					t.Errorf("extension %q", e)
				}
			}
			shown(t, append(l.Extensions, l.ID, l.PrimaryID, l.From, l.FromName, l.To, l.ToName, l.Queue)...)
		}
	})
}

// A token goes into a header and an address.
func FuzzToken(f *testing.F) {
	seed(f)
	f.Add([]byte(`"a\r\nSet-Cookie: x"`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if strings.ContainsAny(decodeToken(b), "\r\n\t ;\",\\\x00\x7f") {
			t.Errorf("token %q", decodeToken(b))
		}
		if name, major := decodeServer(string(b)); strings.Trim(name, "0123456789.") != "" || len(name) > 20 || major < 0 {
			t.Errorf("version %q %d", name, major)
		}
	})
}
