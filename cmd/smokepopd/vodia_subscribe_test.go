package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/simulator"
)

// withAPI is a world whose PBX smokepop may ask.
func withAPI(events string) func(*demoWorld, map[string]any) {
	return func(w *demoWorld, settings map[string]any) {
		w.withPBX(settings)
		setTenant(settings, "pbx", "events", events)
	}
}

func (s *system) vodia() *simulator.PBX { return s.world.pbx[0] }

// cli runs a command beside the running daemon.
func (s *system) cli(args ...string) result {
	s.t.Helper()
	return s.cliWith("", args...)
}

func (s *system) cliWith(stdin string, args ...string) result {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(append(args, "--config", s.file), strings.NewReader(stdin), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// hooks is every webhook of the PBX.
func (s *system) hooks() map[string]map[string]string {
	out := map[string]map[string]string{"": s.vodia().Hooks("")}
	for _, a := range s.firm().Agents {
		out[a.Extension] = s.vodia().Hooks(a.Extension)
	}
	return out
}

// callOf is a call of somebody the address book knows to an agent.
func (s *system) callOf(id string, c simulator.Caller, agent simulator.Agent) simulator.Scenario {
	return s.firm().InboundAnswered(simulator.Setup{ID: id, Caller: c, Agent: agent.Extension})
}

func TestSubscribeThenACallPops(t *testing.T) {
	for _, encoding := range []string{"json", "form", "query"} {
		t.Run(encoding, func(t *testing.T) {
			s := startSystem(t, systemOptions{world: withAPI("webhook")})
			s.vodia().SetHook("101", "acturl_dnd", `{"auth":"none","method":"GET","url":"https://other.example/dnd"}`)
			before := s.hooks()
			me := s.firm().Agents[0]
			sc := s.paired(me).open()

			dry := s.cli("vodia", "subscribe", "--rate", "1000", "--dry-run", "--encoding", encoding)
			dry.wants(t, exitOK)
			if got := s.hooks(); !reflect.DeepEqual(got, before) {
				t.Fatalf("a dry run wrote %v", got)
			}
			r := s.cli("vodia", "subscribe", "--rate", "1000", "--yes", "--encoding", encoding)
			r.wants(t, exitOK)
			for _, want := range []string{"--- account 101 acturl_newcall (not set)", "+url       " + s.world.public + "/hooks/vodia/" + s.domain() + "/newcall/101",
				"    and the same, each with its own extension, on the accounts 102, 103, 104, 105, 106\n", "webhooks written"} {
				if !strings.Contains(r.stdout, want) {
					t.Errorf("it does not say %q:\n%s", want, r.stdout)
				}
			}
			if n := strings.Count(r.stdout, "+++ "); n != 6 {
				t.Errorf("it shows %d differences, of three webhooks on the tenant and on accounts that are alike:\n%s", n, r.stdout)
			}
			if strings.Contains(r.stdout+r.stderr+dry.stdout, s.world.access.Password) {
				t.Error("it says the password")
			}

			call := s.callOf("c1", s.known()[0], me)
			for _, step := range call.Steps[:2] {
				s.vodia().Send(t.Context(), step)
			}
			if pop := sc.next("pop"); dig(pop, "pop", "call", "id") != "c1" || dig(pop, "pop", "call", "state") != "ringing" {
				t.Errorf("the pop is %v", pop)
			}
			for _, step := range call.Steps[2:] {
				s.vodia().Send(t.Context(), step)
			}

			again := s.cli("vodia", "subscribe", "--rate", "1000", "--yes", "--encoding", encoding)
			again.wants(t, exitOK)
			if !strings.Contains(again.stdout, "Nothing to do") || strings.Contains(again.stdout, "+++") {
				t.Errorf("the second run says %s", again.stdout)
			}
			s.cli("vodia", "subscribe", "--rate", "1000", "--remove", "--yes").wants(t, exitOK)
			if got := s.hooks(); !reflect.DeepEqual(got, before) {
				t.Errorf("after taking off there is %v, want %v", got, before)
			}
			if r := s.cli("vodia", "subscribe", "--rate", "1000", "--remove", "--yes"); !strings.Contains(r.stdout, "Nothing to do") {
				t.Errorf("taking off twice says %s", r.stdout)
			}
		})
	}
}

func TestSubscribeInScopeOnly(t *testing.T) {
	s := startSystem(t, systemOptions{world: func(w *demoWorld, settings map[string]any) {
		withAPI("webhook")(w, settings)
		settings["tenants"].([]map[string]any)[0]["scope"] = map[string]any{"extensions": []string{"102"}, "groups": []string{"intake"}}
	}})
	s.cli("vodia", "subscribe", "--rate", "1000", "--yes").wants(t, exitOK)
	for _, a := range s.firm().Agents {
		want := 0
		if a.Extension == "102" || strings.Contains(strings.Join(a.Groups, " "), "intake") {
			want = 3
		}
		if got := s.vodia().Hooks(a.Extension); len(got) != want {
			t.Errorf("extension %s of %v has %d webhooks, want %d", a.Extension, a.Groups, len(got), want)
		}
	}
	if got := s.vodia().Hooks(simulator.RingGroup600); len(got) != 0 {
		t.Errorf("the ring group has %v", got)
	}
}

func TestSubscribeKeepsWhatIsForeign(t *testing.T) {
	s := startSystem(t, systemOptions{world: withAPI("webhook")})
	foreign := `{"auth":"basic","method":"POST","url":"https://cdr.other.example/in?key=their-key","user":"them","pass":"their-password","headers":"X-Key: their-header"}`
	s.vodia().SetHook("101", "acturl_call", foreign)
	before := s.vodia().Hooks("101")
	r := s.cli("vodia", "subscribe", "--rate", "1000", "--yes")
	if r.code != exitFailed || !strings.Contains(r.stdout, "account 101 acturl_call leads to https://cdr.other.example/...: kept") ||
		!strings.Contains(r.stderr, "--replace-foreign") {
		t.Errorf("code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if got := s.vodia().Hooks("101"); !maps.Equal(got, before) {
		t.Errorf("the account has %v", got)
	}
	if got := s.vodia().Hooks("102"); len(got) != 3 {
		t.Errorf("the next account has %v", got)
	}
	r2 := s.cli("vodia", "subscribe", "--rate", "1000", "--yes", "--replace-foreign")
	r2.wants(t, exitOK)
	for _, secret := range []string{"their-key", "their-password", "their-header", "them\n"} {
		if strings.Contains(r.stdout+r.stderr+r2.stdout+r2.stderr, secret) {
			t.Errorf("it says %q", secret)
		}
	}
	if got := s.vodia().Hooks("101")["acturl_call"]; !strings.Contains(got, s.world.public) {
		t.Errorf("it is still %s", got)
	}
}

func TestSubscribeAgainstABrokenPBX(t *testing.T) {
	for name, c := range map[string]struct {
		fault simulator.PBXFault
		says  string
	}{
		"401":   {simulator.PBXFault{Status: 401}, "does not accept the user name and password (401)"},
		"403":   {simulator.PBXFault{Status: 403}, "forbids it (403)"},
		"404":   {simulator.PBXFault{Status: 404}, "does not have it (404)"},
		"500":   {simulator.PBXFault{Status: 500}, "the PBX failed (500)"},
		"HTML":  {simulator.PBXPage(""), "a web page came instead"},
		"hangs": {simulator.PBXFault{Hang: true}, "does not answer in time"},
		"reset": {simulator.PBXFault{Reset: true}, "broke the connection off"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startSystem(t, systemOptions{world: withAPI("webhook")})
			before := s.hooks()
			one := func(fault simulator.PBXFault, says string) {
				t.Helper()
				undo := s.vodia().Inject(fault)
				r := s.cli("vodia", "subscribe", "--rate", "1000", "--yes", "--timeout", "300ms")
				undo()
				if r.code != exitFailed || !strings.Contains(r.stderr, c.says) || !strings.Contains(r.stderr, says) {
					t.Errorf("code %d: %s", r.code, r.stderr)
				}
				sentences := strings.Split(strings.TrimSpace(r.stderr), "\n")
				if len(sentences) != 2 { // the first tells what is being done
					t.Errorf("%d lines: %s", len(sentences), r.stderr)
				}
				if got := s.hooks(); !reflect.DeepEqual(got, before) {
					t.Errorf("half-installed: %v", got)
				}
			}
			one(c.fault, "nothing was written")
			write := c.fault
			write.Method, write.Path, write.Times = http.MethodPost, "/user_settings/102", 1
			one(write, "nothing is half-installed")
		})
	}
}

func TestSubscribeAsksFirst(t *testing.T) {
	s := startSystem(t, systemOptions{world: withAPI("webhook")})
	r := s.cliWith("y\n", "vodia", "subscribe")
	if r.wants(t, exitUsage, "--yes"); len(s.vodia().Hooks("101")) != 0 {
		t.Error("it wrote without a terminal to ask on")
	}
	for answer, want := range map[string]bool{"y\n": true, "Yes\n": true, "": false, "\n": false, "n\n": false, "yep\n": false} {
		if got := confirm(strings.NewReader(answer), &bytes.Buffer{}, "Write?"); got != want {
			t.Errorf("%q counts as %t", answer, got)
		}
	}
	for _, args := range [][]string{
		{"--tenant", "nobody.example"}, {"--encoding", "xml"}, {"--url", "pop.example"}, {"--url", "http://pop.example:8444"},
		{"--remove", "--replace-foreign"}, {"--timeout", "0s"}, {"--rate", "0"}, {"--json"},
	} {
		s.cli(append([]string{"vodia", "subscribe"}, args...)...).wants(t, exitUsage)
	}
	plain := startSystem(t, systemOptions{})
	plain.cli("vodia", "subscribe", "--rate", "1000", "--yes").wants(t, exitUsage, "pbx.api.url", "vodia template")
}

func TestSubscribeTellsScripts(t *testing.T) {
	s := startSystem(t, systemOptions{world: withAPI("webhook")})
	s.vodia().SetHook("102", "acturl_connect", `{"auth":"none","method":"GET","url":"https://other.example/x"}`)
	var doc planned
	r := s.cli("vodia", "subscribe", "--rate", "1000", "--dry-run", "--json")
	if err := json.Unmarshal([]byte(r.stdout), &doc); err != nil || r.code != exitOK || r.stderr != "" {
		t.Fatalf("code %d, %v: %s%s", r.code, err, r.stdout, r.stderr)
	}
	if doc.Written || string(doc.Tenant) != s.domain() || len(doc.Kept) != 1 || doc.Kept[0].Extension != "102" || len(doc.Changes) != 3*len(s.firm().Agents) {
		t.Errorf("%+v", doc)
	}
	if first := doc.Changes[0]; first != (plannedChange{Level: "tenant", Setting: "acturl_newcall", Action: "set"}) {
		t.Errorf("the first change is %+v", first)
	}
}

func TestTemplateSaysWhatToPaste(t *testing.T) {
	s := startSystem(t, systemOptions{})
	r := s.cli("vodia", "template", "--extension", "101", "--event", "acturl_newcall")
	r.wants(t, exitOK)
	for _, want := range []string{
		"acturl_newcall, When a new call comes in", "account 101 of " + s.domain(), "Method          POST\n",
		"URL             " + s.world.public + "/hooks/vodia/" + s.domain() + "/newcall/101\n", "Authentication  basic\n", "User            vodia\n",
		"webhook-password)\n", "Headers         (empty)\n", "Encoding        json\n", `Body            {"call_id":"{call-id}",`,
		"Not verified on a real PBX:", "{call-id}", "cannot name the extension",
	} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("it does not say %q:\n%s", want, r.stdout)
		}
	}
	if strings.Contains(r.stdout, s.world.access.Password) || strings.Contains(r.stdout, "acturl_connect") {
		t.Errorf("it says too much:\n%s", r.stdout)
	}
	if shown := s.cli("vodia", "template", "--show-secrets"); !strings.Contains(shown.stdout, "Password        "+s.world.access.Password+"\n") {
		t.Errorf("it does not show the password:\n%s", shown.stdout)
	}
	var doc printedTemplate
	both := s.cli("vodia", "template", "--json", "--encoding", "query")
	if err := json.Unmarshal([]byte(both.stdout), &doc); err != nil || len(doc.Webhooks) != 6 {
		t.Fatalf("%v: %s", err, both.stdout)
	}
	if a, tenant := doc.Webhooks[0], doc.Webhooks[3]; a.Method != "GET" || a.Body != "" || !strings.Contains(a.URL, "/newcall/EXTENSION?call_id={call-id}") ||
		tenant.Level != "tenant" || !strings.Contains(tenant.URL, "?event=newcall&call_id={call-id}") {
		t.Errorf("%+v\n%+v", a, tenant)
	}
	for _, args := range [][]string{{"--event", "acturl_dnd"}, {"--level", "system"}, {"--level", "tenant", "--extension", "101"}} {
		s.cli(append([]string{"vodia", "template"}, args...)...).wants(t, exitUsage)
	}
}

// What the template says is good for a call when an admin pastes it.
func TestPastedTemplatePops(t *testing.T) {
	s := startSystem(t, systemOptions{})
	me := s.firm().Agents[0]
	sc := s.paired(me).open()
	var doc printedTemplate
	r := s.cli("vodia", "template", "--json", "--extension", me.Extension, "--show-secrets")
	if err := json.Unmarshal([]byte(r.stdout), &doc); err != nil {
		t.Fatal(err)
	}
	for _, h := range doc.Webhooks {
		value, err := json.Marshal(map[string]string{
			"method": h.Method, "url": h.URL, "auth": h.Auth, "user": h.User, "pass": h.Password, "headers": h.Headers, "encoding": h.Encoding, "body": h.Body,
		})
		if err != nil || !s.vodia().SetHook(h.Extension, h.Setting, string(value)) {
			t.Fatalf("%v: the PBX refuses %s", err, value)
		}
	}
	s.vodia().Send(t.Context(), s.callOf("pasted", s.known()[0], me).Steps[1])
	if pop := sc.next("pop"); dig(pop, "pop", "call", "id") != "pasted" {
		t.Errorf("the pop is %v", pop)
	}
}

func TestWebhookBase(t *testing.T) {
	for _, c := range []struct{ public, agents, pbx, want string }{
		{"https://pop.firm.example:8443", ":8443", ":8444", "https://pop.firm.example:8444"},
		{"https://pop.firm.example", ":8443", "0.0.0.0:8444", "https://pop.firm.example:8444"},
		{"https://pop.firm.example", ":8443", ":8443", "https://pop.firm.example"},
		{"https://pop.firm.example", ":8443", "127.0.0.1:9000", "https://127.0.0.1:9000"},
		{"http://127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1:8080", "http://127.0.0.1:8080"},
	} {
		if got := webhookBase(c.public, c.agents, c.pbx); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
