package simulator_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/smokepop/smokepop/internal/simulator"
)

// rest is a PBX with its web server, and a client of it.
type rest struct {
	*testing.T
	*PBX
	*clock
	*ear
	url, smokepop string
	http          *http.Client
}

func newRest(t *testing.T, change func(*PBXOptions)) *rest {
	t.Helper()
	r := &rest{T: t, clock: newClock(), ear: &ear{}, http: &http.Client{Transport: &http.Transport{}}}
	o := PBXOptions{Firm: NewFirm(), Now: r.Now}
	if change != nil {
		change(&o)
	}
	r.PBX = NewPBX(o)
	server, smokepop := httptest.NewServer(r.PBX), httptest.NewServer(r.ear)
	r.url, r.smokepop = server.URL, smokepop.URL
	t.Cleanup(smokepop.Close)
	t.Cleanup(server.Close)
	t.Cleanup(r.PBX.Close)
	t.Cleanup(r.http.CloseIdleConnections)
	return r
}

// ask sends a request as "user:password" or with a "session=..." cookie.
func (r *rest) try(method, path, as, body string) (answer, error) {
	r.Helper()
	q, err := http.NewRequestWithContext(r.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	if user, password, ok := strings.Cut(as, ":"); ok {
		q.SetBasicAuth(user, password)
	} else if as != "" {
		q.Header.Set("Cookie", as)
	}
	res, err := r.http.Do(q)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, strings.TrimSpace(string(b))}, err
}

func (r *rest) ask(method, path, as, body string) answer {
	r.Helper()
	a, err := r.try(method, path, as, body)
	if err != nil {
		r.Fatal(err)
	}
	return a
}

const (
	asAdmin  = "admin:simulated-pbx-password-4e1b"
	asTenant = "boss@firm.example:t"
	asLocked = "locked:l"
	as101    = "101@firm.example:simulated-extension-101"
	inFirm   = "/rest/domain/firm.example"
)

func withAdmins(o *PBXOptions) {
	o.Admins = []Admin{DefaultAdmin(), {User: "boss", Password: "t", Tenant: "firm.example"}, {User: "locked", Password: "l", NoAPI: true}}
}

func TestWhoMayAskThePBX(t *testing.T) {
	r := newRest(t, withAdmins)
	for _, row := range []struct {
		method, path, as string
		status           int
	}{
		{"GET", inFirm + "/userlist/extensions", "", 401},
		{"GET", inFirm + "/userlist/extensions", "admin:wrong", 401},
		{"GET", inFirm + "/userlist/extensions", "session=nonsense", 401},
		{"GET", inFirm + "/userlist/extensions", asLocked, 403},
		{"GET", inFirm + "/userlist/extensions", as101, 403},
		{"GET", inFirm + "/userlist/extensions", asTenant, 200},
		{"GET", inFirm + "/userlist/extensions", asAdmin, 200},
		{"GET", inFirm + "/userlist/trunks", asAdmin, 404},
		{"GET", "/rest/domain/other.example/userlist/extensions", asAdmin, 404},
		{"GET", "/rest/domain/other.example/userlist/extensions", asTenant, 403},
		{"GET", "/rest/system/administrators", asAdmin, 200},
		{"GET", "/rest/system/administrators", asTenant, 403},
		{"GET", "/rest/system/administrators", as101, 403},
		{"GET", "/rest/system/session", "", 200},
		{"GET", "/rest/system/nothing", asAdmin, 404},
		{"OPTIONS", "/rest/system/session", "", 403},
		{"GET", "/rest/user/101@firm.example/calls", as101, 200},
		{"GET", "/rest/user/101%40firm.example/starcodes", as101, 200},
		{"GET", "/rest/user/102@firm.example/calls", as101, 403},
		{"GET", "/rest/user/101@firm.example/calls", "101@firm.example:wrong", 401},
		{"GET", "/rest/user/101@firm.example/calls", "101@other.example:simulated-extension-101", 401},
		{"GET", "/rest/user/101@firm.example/calls", asAdmin, 403},
		{"GET", "/rest/user/999@firm.example/calls", asAdmin, 404},
		{"GET", "/rest/user/101/calls", asAdmin, 404},
		{"GET", "/", "", 200},
	} {
		a := r.ask(row.method, row.path, row.as, "")
		if a.status != row.status || a.header.Get("Server") != "PBX/70.1" {
			t.Errorf("%s %s as %q: %d %q", row.method, row.path, row.as, a.status, a.header.Get("Server"))
		}
		if a.status == 401 && !strings.HasPrefix(a.body, "HTTP Basic Auth or a valid session cookie") {
			t.Errorf("401 says %q", a.body)
		}
	}
	lenient := newRest(t, func(o *PBXOptions) { o.AdminsActForUsers, o.HideVersion, o.Version = true, true, "67.0" })
	if a := lenient.ask("GET", "/rest/user/101@firm.example/calls", asAdmin, ""); a.status != 200 || a.body != "[]" || a.header.Get("Server") != "" {
		t.Errorf("%+v", a)
	}
}

func TestThirdPartyLogin(t *testing.T) {
	r := newRest(t, withAdmins)
	third := func(as, body string) answer { return r.ask("POST", "/rest/system/session", as, body) }
	for _, row := range []struct {
		as, body string
		status   int
		want     string
	}{
		{"admin:wrong", `{"name":"3rd","username":"101","domain":"firm.example"}`, 200, "false"},
		{asTenant, `{"name":"3rd","username":"101","domain":"firm.example"}`, 200, "false"},
		{as101, `{"name":"3rd","username":"101","domain":"firm.example"}`, 200, "false"},
		{asLocked, `{"name":"3rd","username":"101","domain":"firm.example"}`, 403, "Forbidden"},
		{asAdmin, `{"name":"3rd","username":"101","domain":"other.example"}`, 404, "Not Found"},
		{asAdmin, `{"name":"3rd","username":"999","domain":"firm.example"}`, 404, "Not Found"},
		{asAdmin, `{"name":"session","value":"nonsense"}`, 200, "false"},
		{asAdmin, `{"name":`, 400, "Bad Request"},
	} {
		if a := third(row.as, row.body); a.status != row.status || a.body != row.want || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s as %s: %+v", row.body, row.as, a)
		}
	}
	token := func(body string) string {
		var s string
		if a := third(asAdmin, body); json.Unmarshal([]byte(a.body), &s) != nil || len(s) != 20 {
			t.Fatalf("token: %+v", a)
		}
		return s
	}
	use := func(token string) answer { return third("", `{"name":"session","value":"`+token+`"}`) }
	of101 := token(`{"name":"3rd","username":"101","domain":"firm.example"}`)
	calls := "/rest/user/101@firm.example/calls"
	if a := r.ask("GET", calls, "session="+of101, ""); a.status != 401 {
		t.Errorf("a token that was not used is a session: %+v", a)
	}
	if a := use(of101); a.body != "true" || a.header.Get("Set-Cookie") != "session="+of101+"; Path=/; SameSite=Strict; Secure; HttpOnly" {
		t.Errorf("%+v", a)
	}
	if a := use(of101); a.body != "false" {
		t.Errorf("a token works twice: %+v", a)
	}
	if a := r.ask("GET", calls, "session="+of101, ""); a.status != 200 {
		t.Errorf("the session does not work: %+v", a)
	}
	if a := r.ask("GET", inFirm+"/users", "session="+of101, ""); a.status != 403 {
		t.Errorf("an extension's session may do too much: %+v", a)
	}
	late := token(`{"name":"3rd","domain":"firm.example"}`)
	r.Advance(10 * time.Second)
	if a := use(late); a.body != "false" {
		t.Errorf("a token lives longer than 10 s: %+v", a)
	}
	tenant := token(`{"name":"3rd","domain":"firm.example"}`)
	use(tenant)
	if a := r.ask("GET", inFirm+"/users", "session="+tenant, ""); a.status != 200 {
		t.Errorf("%+v", a)
	}
	system := token(`{"name":"3rd","admin":true}`)
	use(system)
	if a := r.ask("GET", "/rest/system/administrators", "session="+system, ""); a.status != 200 {
		t.Errorf("%+v", a)
	}
	if a := r.ask("GET", "/rest/system/session", "session="+of101, ""); !strings.Contains(a.body, `"101"`) {
		t.Errorf("%+v", a)
	}
	r.EndSessions()
	if a := r.ask("GET", calls, "session="+of101, ""); a.status != 401 {
		t.Errorf("a session outlives its end: %+v", a)
	}
}

func TestDirectoryInEveryShape(t *testing.T) {
	for shape, want := range map[DirectoryShape]map[string]string{
		Directory67: {
			"/userlist/extensions": `{"account":"101","name":"Priya Shah"}`, "/userlist/hunts": `{"account":"600","name":"Intake"}`,
			"/userlist/parkorbits": `"accounts":[]`, "/extensions": "Not Found", "/users": "Not Found",
		},
		Directory69:   {"/userlist/extensions": `{"account":"101","display":"Priya Shah"}`, "/extensions": `"display":"Priya Shah"`, "/users": `{"account":"700","name":"New clients","type":"acds"}`},
		Directory70:   {"/userlist/extensions": "Not Found", "/extensions?account=102": `[{"account":"102","alias":["102","9102"]`, "/users": `{"account":"2000","name":"Welcome","type":"aas"}`},
		Directory2020: {"/userlist/extensions": `"displayname":"Priya Shah","dnd":false,"icon":false,"login":false,"name":"101"`, "/users": "Not Found"},
	} {
		r := newRest(t, func(o *PBXOptions) { o.Directory = shape })
		for path, text := range want {
			if a := r.ask("GET", inFirm+path, asAdmin, ""); !strings.Contains(a.body, text) || (a.status == 404) != (text == "Not Found") {
				t.Errorf("%s of %s: %+v", path, shape, a)
			}
		}
	}
	if len(DirectoryShapes()) != 4 {
		t.Error("a shape is not tested")
	}
}

func TestGroups(t *testing.T) {
	r := newRest(t, nil)
	for path, want := range map[string]string{
		"/groups?group=intake":        `{"id":"intake","members":"{\"specific\":[\"101\",\"102\",\"103\"]}","name":"intake"}`,
		"/groups?group=all-but-first": `{"id":"all-but-first","members":"{\"except\":[\"101\"]}","name":"Everybody else"}`,
		"/groups?group=nobody":        "Not Found",
	} {
		if a := r.ask("GET", inFirm+path, asAdmin, ""); a.body != want {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	var list []map[string]string
	if a := r.ask("GET", inFirm+"/groups", asAdmin, ""); json.Unmarshal([]byte(a.body), &list) != nil || len(list) != 5 {
		t.Errorf("%+v", a)
	}
}

func TestAccountSettings(t *testing.T) {
	for _, key := range []string{"email", "email_address"} {
		r := newRest(t, func(o *PBXOptions) { o.EmailKey = key })
		read := func() map[string]string {
			var m map[string]string
			if a := r.ask("GET", inFirm+"/user_settings/101", asAdmin, ""); json.Unmarshal([]byte(a.body), &m) != nil {
				t.Fatalf("%+v", a)
			}
			return m
		}
		before := read()
		if len(before) < 100 || before[key] != "priya@firm.example" || before["first_name"] != "Priya" || before["acturl_connect"] != "" {
			t.Errorf("%d fields, %+v", len(before), before)
		}
		if a := r.ask("POST", inFirm+"/user_settings/101", asAdmin, `{"position":"Clerk","no_such_field":"x"}`); a.body != "true" {
			t.Errorf("%+v", a)
		}
		after := read()
		if after["position"] != "Clerk" || len(after) != len(before) {
			t.Errorf("%+v", after)
		}
		if a := r.ask("GET", inFirm+"/user_settings/999", asAdmin, ""); a.status != 404 {
			t.Errorf("%+v", a)
		}
		if a := r.ask("POST", inFirm+"/user_settings/999", asAdmin, "{}"); a.status != 404 {
			t.Errorf("%+v", a)
		}
	}
}

// What is installed by REST is what fires, passwords are never shown, and what
// is refused changes nothing.
func TestWebhooksAreInstalledByREST(t *testing.T) {
	r := newRest(t, nil)
	value := func(url, pass string) string {
		b, _ := json.Marshal(map[string]string{
			"auth": "basic", "user": "vodia", "pass": pass, "method": "PUT", "url": url, "encoding": "json",
			"headers": "X-Smokepop-Token: tok-{call-id}\r\nX-Other: 1", "body": `{"c":"{call-id}","p":"{primary-call-id}"}`, "region": "",
		})
		return string(b)
	}
	wrap := func(table string, set map[string]string) string {
		var list []map[string]string
		for _, name := range slices.Sorted(maps.Keys(set)) {
			list = append(list, map[string]string{"name": name, "value": set[name]})
		}
		b, _ := json.Marshal(map[string]any{"table": table, "settings": list})
		return string(b)
	}
	tenant := value(r.smokepop+"/t/{domain}", "s3cret")
	if a := r.ask("POST", inFirm+"/actionurl_settings", asAdmin, wrap("domains", map[string]string{"acturl_newcall": tenant})); a.body != "true" {
		t.Fatalf("%+v", a)
	}
	account, _ := json.Marshal(map[string]string{"acturl_newcall": value(r.smokepop+"/a/{extension}", "s3cret")})
	if a := r.ask("POST", inFirm+"/user_settings/101", asAdmin, string(account)); a.body != "true" {
		t.Fatalf("%+v", a)
	}
	for _, path := range []string{"/actionurl_settings", "/user_settings/101"} {
		a := r.ask("GET", inFirm+path, asAdmin, "")
		if strings.Contains(a.body, "s3cret") || !strings.Contains(a.body, `\"pass\":\"********\"`) || !strings.Contains(a.body, "acturl_roomcleaned") {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	// Written back as it was read, the password stays.
	masked := value(r.smokepop+"/t2/{domain}", "********")
	r.ask("POST", inFirm+"/actionurl_settings", asAdmin, wrap("domains", map[string]string{"acturl_newcall": masked}))
	for name, body := range map[string]string{
		"table":   wrap("users", map[string]string{"acturl_newcall": ""}),
		"name":    wrap("domains", map[string]string{"acturl_newcall": "", "acturl_fax": ""}),
		"value":   wrap("domains", map[string]string{"acturl_newcall": "", "acturl_connect": "{"}),
		"scheme":  wrap("domains", map[string]string{"acturl_newcall": "", "acturl_connect": `{"url":"smokepop.example/x"}`}),
		"nothing": wrap("domains", nil),
	} {
		if a := r.ask("POST", inFirm+"/actionurl_settings", asAdmin, body); a.status != 400 {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if a := r.ask("POST", inFirm+"/user_settings/101", asAdmin, `{"acturl_trunkchange":""}`); a.status != 400 {
		t.Errorf("an account has no trunks: %+v", a)
	}

	r.Send(t.Context(), Step{Event: NewCall, CallID: "c-1"})
	r.Send(t.Context(), Step{Event: NewCall, CallID: "leg-1", Primary: "c-1", Extension: "101"})
	r.Send(t.Context(), Step{Event: NewCall, CallID: "leg-2", Primary: "c-1", Extension: "102"}) // nothing is set there
	got := r.all()
	if len(got) != 2 || got[0].path != "/t2/firm.example" || got[0].password != "s3cret" || got[0].method != "PUT" || got[0].token != "tok-c-1" {
		t.Fatalf("%+v", got)
	}
	if got[1].path != "/a/101" || got[1].body != `{"c":"leg-1","p":"c-1"}` {
		t.Errorf("%+v", got[1])
	}
	if h := r.Hooks("101"); len(h) != 1 || h["acturl_newcall"] == "" {
		t.Errorf("%v", h)
	}
	if !r.SetHook("101", "acturl_newcall", "") || len(r.Hooks("101")) != 0 {
		t.Error("a webhook cannot be taken off")
	}
}

func TestHooksOfTheOptionsAreSettingsToo(t *testing.T) {
	x := newExchange(t, nil)
	before := len(x.Hooks("101"))
	x.SetHook("101", "acturl_mailbox", `{"url":"https://other.example/","method":"POST"}`)
	if before != 3 || len(x.Hooks("101")) != 4 || len(x.Hooks("102")) != 3 {
		t.Errorf("%d, then %v", before, x.Hooks("101"))
	}
	x.Send(t.Context(), Step{Event: NewCall, Extension: "101", CallID: "c"})
	if got := x.all(); len(got) != 1 || got[0].password != "p w" || got[0].token != "tok-1" {
		t.Errorf("%+v", got)
	}
}
