package vodia

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

const base = "/rest/domain/" + domain

func TestShapesOfTheDirectory(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers map[string]string
		shape   Shape
		want    string
	}{
		{"user lists", map[string]string{"userlist/extensions": "@userlist", "userlist/hunts": `{"accounts":{"600":"Front desk"}}`,
			"userlist/acds": `{"accounts":[{"account":700}]}`, "userlist/aas": `{"accounts":null}`, "userlist/confrooms": `["900"]`}, ShapeUserList,
			"201 extension Priya Shah|202 extension Tom Jones|203 extension|600 ringgroup Front desk|700 queue|900 other"},
		{"user lists of 2020", map[string]string{"userlist/extensions": "@list2020"}, ShapeUserList,
			"201 extension Priya Shah|202 extension [9202]"},
		{"new lists", map[string]string{"extensions": "@extensions", "users": "@users"}, ShapeExtensions,
			"201 extension Priya Shah priya@firm.example [9201]|202 extension Tom Jones [9202 9302]|600 ringgroup Front desk|700 queue New clients|800 attendant Night|850 ivr Menu|900 other Orbit|950 other Room"},
		{"new list alone", map[string]string{"extensions": `{"extensions":[{"ext":201,"email_address":"Priya@Firm.example; p@x"}]}`}, ShapeExtensions,
			"201 extension Priya@Firm.example"},
		{"keyed by account", map[string]string{"extensions": `{"201":{"name":"Priya Shah"},"202":{"name":"202"}}`}, ShapeExtensions,
			"201 extension Priya Shah|202 extension"},
		{"all users", map[string]string{"users": "@users", "user_settings/202": `{"email":"tom@firm.example"}`}, ShapeUsers,
			"201 extension Priya Shah|202 extension Tom Jones tom@firm.example|600 ringgroup Front desk|700 queue New clients|800 attendant Night|850 ivr Menu|900 other Orbit|950 other Room"},
		{"a web page for what is not there", map[string]string{"userlist/extensions": "<html>", "extensions": "@extensions"}, ShapeExtensions,
			"201 extension Priya Shah priya@firm.example [9201]|202 extension Tom Jones [9202 9302]"},
		{"an odd answer for what is not there", map[string]string{"userlist/extensions": `{"error":"no"}`, "extensions": "[]"}, ShapeExtensions, ""},
		{"settings", map[string]string{"userlist/extensions": `["201","202","203","204"]`,
			"user_settings/201": `{"email":"","email_address":"a@x"}`, "user_settings/202": `{"settings":[{"name":"email","value":"<b@x>"}]}`,
			"user_settings/203": `{"email":17,"display_name":"Cy"}`, "user_settings/204": `[{"name":"email","value":["d@x"]}]`}, ShapeUserList,
			"201 extension a@x|202 extension b@x|203 extension Cy|204 extension d@x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPBX(t, false)
			for path, body := range c.answers {
				p.says("GET "+base+"/"+path, body)
			}
			d, err := p.client().Directory(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := show(d.Accounts); got != c.want || d.Shape != c.shape {
				t.Errorf("%s:\n got %s\nwant %s", d.Shape, got, c.want)
			}
			for _, s := range p.got() {
				if !s.auth {
					t.Errorf("without the password: %v", s)
				}
			}
		})
	}
}

func show(list []Account) string {
	var out []string
	for _, a := range list {
		s := strings.Join(strings.Fields(strings.Join([]string{a.Extension, string(a.Kind), a.Name, a.Email}, " ")), " ")
		if a.Aliases != nil {
			s += fmt.Sprint(" ", a.Aliases)
		}
		out = append(out, s)
	}
	return strings.Join(out, "|")
}

// What cannot be read is a gap, and takes nothing else with it.
func TestGaps(t *testing.T) {
	p := newPBX(t, false)
	p.says("GET "+base+"/userlist/extensions", `[{"account":"201","name":"Ada"},{"account":"202","name":"Bo"},{"account":"203"}]`)
	p.status("GET "+base+"/userlist/hunts", 500)
	p.says("GET "+base+"/user_settings/201", `{"email":"ada@firm.example"}`)
	p.status("GET "+base+"/user_settings/202", 500)
	p.says("GET "+base+"/user_settings/203", `17`)
	p.status("GET "+base+"/groups", 403)
	d, err := p.client().Directory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := show(d.Accounts), "201 extension Ada ada@firm.example|202 extension Bo|203 extension"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var gaps []string
	for _, g := range d.Gaps {
		gaps = append(gaps, g.Part+g.Extension)
		if s := sentence(g.Err); s != "" {
			t.Errorf("%v %s", g.Err, s)
		}
	}
	if got := strings.Join(gaps, " "); got != "hunts email202 email203 groups" {
		t.Errorf("gaps %s", got)
	}
}

// A PBX that fails for one account after another is left alone, and one that
// stops taking the password at once, before it locks us out.
func TestSettingsThatAllFail(t *testing.T) {
	const all = 200
	for status, most := range map[int]int{500: settingsPatience + settingsReaders, 403: settingsReaders, 401: settingsReaders} {
		p := newPBX(t, false)
		var exts []string
		for i := range all {
			exts = append(exts, fmt.Sprint(1000+i))
		}
		p.says("GET "+base+"/userlist/extensions", asJSON(t, exts))
		var asked atomic.Int32
		p.on("*", func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "user_settings") {
				asked.Add(1)
				http.Error(w, "", status)
				return
			}
			http.NotFound(w, r)
		})
		d, err := p.client().Directory(t.Context())
		if n := int(asked.Load()); n > most {
			t.Errorf("%d: asked %d times", status, n)
		}
		if status == 401 {
			if !is(err, BadCredentials) {
				t.Errorf("401: %v", err)
			}
			continue
		}
		emails := 0
		for _, g := range d.Gaps {
			if g.Part == "email" && g.Extension != "" && g.Err != nil {
				emails++
			}
		}
		if err != nil || len(d.Accounts) != all || emails != all {
			t.Errorf("%d: %v, %d accounts, %d gaps", status, err, len(d.Accounts), emails)
		}
	}
}

func TestCancelledWithinSettings(t *testing.T) {
	p := newPBX(t, false)
	p.says("GET "+base+"/userlist/extensions", `["201","202","203","204","205","206","207"]`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p.on("GET "+base+"/user_settings/201", func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	if _, err := p.client().Accounts(ctx); err == nil || ctx.Err() == nil || is(err, Timeout) {
		t.Errorf("%v", err)
	}
}

func TestGroups(t *testing.T) {
	p := newPBX(t, false)
	p.says("GET "+base+"/groups", "@groups")
	p.says("GET "+base+"/groups?group=5", `{"members":"{\"specific\":[\"205\"]}","name":"Told later"}`)
	p.says("GET "+base+"/groups?group=a+b", `[{"id":"a b","members":"{\"except\":[\"201\"]}"}]`)
	check := func(want map[string]string) {
		t.Helper()
		list, err := p.client().Groups(t.Context())
		if err != nil || len(list) != len(want) {
			t.Fatalf("%v, %v", list, err)
		}
		for _, g := range list {
			var in []string
			for _, e := range []string{"201", "202", "203", "205"} {
				if g.Has(e) {
					in = append(in, e)
				}
			}
			if got := g.Name + ":" + strings.Join(in, ","); got != want[g.ID] {
				t.Errorf("%s: got %s, want %s", g.ID, got, want[g.ID])
			}
		}
	}
	check(map[string]string{"1": "Lawyers:201,202", "2": "All but one:201,202,205", "3": "Nobody:", "4": "Everybody:201,202,203,205", "5": "Told later:205"})
	p.says("GET "+base+"/groups", `["a b",5]`)
	check(map[string]string{"a b": "a b:202,203,205", "5": "Told later:205"})
	p.says("GET "+base+"/groups", `{"groups":{"9":{"name":"Keyed","members":["201"]},"8":"No members"}}`)
	check(map[string]string{"9": "Keyed:201", "8": "No members:"})
}

func TestProbe(t *testing.T) {
	p := newPBX(t, false)
	p.says("GET "+base+"/userlist/extensions", "@userlist")
	if v, err := p.client().Probe(t.Context()); err != nil || v != (Version{"70.1", 70, ShapeUserList}) {
		t.Errorf("%v, %v", v, err)
	}
	for header, want := range map[string]string{"PBX/67": "67 67", "nginx": " 0", "PBX/": " 0", "PBX/x": " 0", "Vodia PBX/70.1.2 (x)": "70.1.2 70"} {
		if name, major := decodeServer(header); fmt.Sprint(name, " ", major) != want {
			t.Errorf("%s: %s %d", header, name, major)
		}
	}
}

// Accounts that there is no time to ask about are gaps, at once.
func TestNoTimeForAllSettings(t *testing.T) {
	p := newPBX(t, false)
	p.says("GET "+base+"/userlist/extensions", `["201","202","203"]`)
	p.says("*", `{"email":"a@x"}`)
	d, err := p.client(func(c *Config) { c.Rate = 0.001 }).Directory(t.Context())
	late := 0
	for _, g := range d.Gaps {
		if g.Part == "email" && is(g.Err, Timeout) {
			late++
		}
	}
	if err != nil || late != 2 {
		t.Errorf("%d late, %v, %v", late, d.Gaps, err)
	}
}
