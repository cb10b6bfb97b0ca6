package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/smokepop/smokepop/internal/simulator"
)

func TestVersionCommand(t *testing.T) {
	r := command(t, "version")
	r.wants(t, exitOK)
	if !regexp.MustCompile(`^smokepopd v0-test \(go1\.\d+.*\)\n$`).MatchString(r.stdout) {
		t.Errorf("version prints %q", r.stdout)
	}
}

func TestWrongUsageExitsWith2(t *testing.T) {
	for _, args := range [][]string{
		{"fly"}, {"serve", "--nope"}, {"serve", "surplus"}, {"agents", "invite"}, {"agents", "invite", "--tenant", "firm.example"},
		{"keys", "generate"}, {"demo", "--calls-per-minute", "0"}, {"demo", "--calls-per-minute", "many"}, {"agents", "fly"}, {"keys", "fly"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) { command(t, args...).wants(t, exitUsage, "smokepopd: ") })
	}
}

func TestBadConfigurationExitsWith2AndListsEveryProblem(t *testing.T) {
	file := filepath.Join(t.TempDir(), "smokepop.yaml")
	bad := `
public_url: http://pop.firm.example
encryption_key_file: nowhere.key
colour: green
log: { level: loud }
tenants:
  - domain: firm.example.com
    region: mars
    smokeball: { client_id: x, client_secret: a, client_secret_file: b, api_key: c }
    pops: { on: someday }
`
	if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"serve", "check-config"} {
		t.Run(name, func(t *testing.T) {
			r := command(t, name, "--config", file)
			r.wants(t, exitUsage, file, "public_url: ", "colour: ", "log.level: ", "tenants[0].region: ", "tenants[0].pops.on: ", "tenants[0].smokeball.client_secret")
			if lines := strings.Count(strings.TrimSpace(r.stderr), "\n"); lines < 6 {
				t.Errorf("fewer lines than problems:\n%s", r.stderr)
			}
		})
	}
	t.Run("no file", func(t *testing.T) {
		command(t, "serve", "--config", file+".not").wants(t, exitUsage, file+".not")
	})
}

func TestCheckConfigPrintsTheEffectiveConfigurationWithoutSecrets(t *testing.T) {
	in := install(t, simulator.NewFirm(), nil, func(settings map[string]any) {
		setTenant(settings, "smokeball", "api_key", "a-plain-api-key-in-the-file")
		delete(settings["tenants"].([]map[string]any)[0]["smokeball"].(map[string]any), "api_key_file")
	})
	r := command(t, "check-config", "--config", in.file)
	r.wants(t, exitOK)
	for _, secret := range []string{in.world.client.Secret, in.world.access.Password, "a-plain-api-key-in-the-file"} {
		if strings.Contains(r.stdout+r.stderr, secret) {
			t.Errorf("the secret %q is printed:\n%s", secret, r.stdout)
		}
	}
	var doc struct {
		PublicURL string `yaml:"public_url"`
		Tenants   []struct {
			Scope     string
			Smokeball struct {
				APIKey   string `yaml:"api_key"`
				Lifetime string `yaml:"refresh_token_lifetime"`
			}
			Lookup struct{ Timeout string }
		}
	}
	if err := yaml.Unmarshal([]byte(r.stdout), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.PublicURL != in.world.public || len(doc.Tenants) != 1 {
		t.Fatalf("printed is\n%s", r.stdout)
	}
	if first := doc.Tenants[0]; first.Scope != "all" || first.Lookup.Timeout != "3s" || first.Smokeball.Lifetime != "720h" || first.Smokeball.APIKey != "[redacted]" {
		t.Errorf("the defaults in effect are not all there:\n%s", r.stdout)
	}
}

func TestKeysGenerateRefusesToOverwrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "smokepop.key")
	r := command(t, "keys", "generate", "--out", path)
	r.wants(t, exitOK)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o400 {
		t.Fatalf("the key file: %v, %v", info, err)
	}
	key, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(r.stdout+r.stderr, strings.Fields(string(key))[1]) {
		t.Error("the key itself is printed")
	}
	command(t, "keys", "generate", "--out", path).wants(t, exitFailed, path)
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, key) {
		t.Errorf("the key was touched: %v", err)
	}
	r = command(t, "keys", "list", "--key-file", path)
	r.wants(t, exitOK)
	if id := strings.Fields(string(key))[0]; !slices.Equal(strings.Fields(r.stdout), []string{id, "seals"}) {
		t.Errorf("keys list prints %q, want %q", r.stdout, id)
	}
}

// A store that cannot be opened is left as it is, byte for byte.
func TestServeRefusesAnotherOrNoKeyAndLeavesTheStoreAlone(t *testing.T) {
	in := install(t, simulator.NewFirm(), nil, nil)
	in.serve()
	me := in.firm().Agents[0]
	in.join(me.Extension).pair(in.smokeball(), me.Email)
	if code := in.end(syscall.SIGTERM); code != exitOK {
		t.Fatalf("stopped with %d:\n%s", code, in.stderr)
	}
	key, store := filepath.Join(in.dir, "etc", "smokepop.key"), filepath.Join(in.dir, "state", "smokepop.db")
	before, err := os.ReadFile(store)
	if err != nil {
		t.Fatal(err)
	}
	untouched := func(t *testing.T) {
		t.Helper()
		if after, err := os.ReadFile(store); err != nil || !bytes.Equal(after, before) {
			t.Errorf("the store was changed: %v", err)
		}
	}
	if info, err := os.Stat(store); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the store: %v, %v", info, err)
	}
	if info, err := os.Stat(filepath.Dir(store)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the state directory: %v, %v", info, err)
	}
	if err := os.Rename(key, key+".right"); err != nil {
		t.Fatal(err)
	}
	t.Run("no key", func(t *testing.T) {
		command(t, "serve", "--config", in.file).wants(t, exitFailed, "encryption_key_file", "keys generate")
		untouched(t)
	})
	t.Run("another key", func(t *testing.T) {
		command(t, "keys", "generate", "--out", key).wants(t, exitOK)
		command(t, "serve", "--config", in.file).wants(t, exitFailed, "sealed with")
		untouched(t)
	})
	t.Run("a key that others may read", func(t *testing.T) {
		if err := os.Chmod(key, 0o444); err != nil {
			t.Fatal(err)
		}
		command(t, "serve", "--config", in.file).wants(t, exitFailed, "chmod")
		untouched(t)
	})
	t.Run("and the right one opens it again", func(t *testing.T) {
		if err := os.Rename(key+".right", key); err != nil {
			t.Fatal(err)
		}
		in.serve()
		doc := in.document("agents", "list", "--extension", me.Extension)
		if state := dig(doc["agents"].([]any)[0], "pairing", "state"); state != "paired" {
			t.Errorf("the agent is %v", state)
		}
		if code := in.end(syscall.SIGTERM); code != exitOK {
			t.Errorf("stopped with %d", code)
		}
	})
}

func TestSecondDaemonOnTheSameStateGivesUp(t *testing.T) {
	in := install(t, simulator.NewFirm(), nil, nil)
	in.serve()
	began := time.Now()
	r := command(t, "serve", "--config", in.file)
	t.Logf("it gave up after %v", time.Since(began))
	r.wants(t, exitFailed, "another smokepopd has ", "smokepop.db")
	v := in.join(in.firm().Agents[0].Extension) // the first one goes on
	_ = v.open().conn.Close()
	if code := in.end(syscall.SIGTERM); code != exitOK {
		t.Errorf("stopped with %d", code)
	}
}

func TestNoDaemonOnTheSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	for _, args := range [][]string{{"agents", "list"}, {"agents", "list", "--json"}, {"trace"}, {"agents", "invite", "--tenant", "firm.example", "--extension", "101"}} {
		command(t, append(args, "--socket", socket)...).wants(t, exitFailed, "no daemon is listening on "+socket)
	}
}

// The commands for a running daemon, as documents.
func TestAgentCommandsAsJSON(t *testing.T) {
	in := install(t, simulator.NewFirm(), nil, nil)
	in.serve()
	me := in.firm().Agents[0]
	who := []string{"--tenant", in.firm().Domain, "--extension", me.Extension}

	made := in.document(append([]string{"agents", "invite"}, who...)...)
	if got, want := slices.Sorted(maps.Keys(made)), []string{"expires", "extension", "tenant", "url"}; !slices.Equal(got, want) {
		t.Errorf("invite has %q, want %q", got, want)
	}
	if made["tenant"] != in.firm().Domain || made["extension"] != me.Extension || !strings.HasPrefix(made["url"].(string), in.world.public+"/join#") {
		t.Errorf("the invite is %v", made)
	}
	if expires, err := time.Parse(time.RFC3339, made["expires"].(string)); err != nil || expires.Before(time.Now()) {
		t.Errorf("the invite expires %v, %v", made["expires"], err)
	}
	v := signIn(t, made["url"].(string))
	v.pair(in.smokeball(), me.Email)
	screens := []*screen{v.open(), v.open()}

	list := in.document("agents", "list")["agents"].([]any)
	if len(list) != len(in.firm().Agents) {
		t.Errorf("%d agents listed, want %d", len(list), len(in.firm().Agents))
	}
	want := `{email:string extension:string name:string pairing:` + pairedShape + ` screens:number tenant:string}`
	if got := shape(list[0]); got != want {
		t.Errorf("an agent is\n%s, want\n%s", got, want)
	}
	if dig(list[0], "extension") != me.Extension || dig(list[0], "screens") != 2.0 || dig(list[1], "pairing", "state") != "unpaired" {
		t.Errorf("the list is %v", list[:2])
	}

	if doc := in.document(append([]string{"agents", "unpair"}, who...)...); shape(doc) != "{revoked:bool was_paired:bool}" || doc["revoked"] != true {
		t.Errorf("unpair prints %v", doc)
	}
	if n := in.smokeball().RevokedCount(); n != 1 {
		t.Errorf("%d tokens revoked at Smokeball, want 1", n)
	}
	for _, sc := range screens {
		if got := dig(sc.next("pairing"), "pairing", "state"); got != "unpaired" {
			t.Errorf("a screen hears %v", got)
		}
	}
	if doc := in.document(append([]string{"agents", "sign-out"}, who...)...); shape(doc) != "{sessions:number}" || doc["sessions"] != 1.0 {
		t.Errorf("sign-out prints %v", doc)
	}
	for _, sc := range screens {
		if code := sc.closed(); code != 4503 {
			t.Errorf("closed with %d, want 4503", code)
		}
	}

	in.admin("agents", "invite", "--tenant", "nobody.example", "--extension", "1").wants(t, exitFailed, "there is no agent")
	in.admin("agents", "list", "--tenant", "nobody.example").wants(t, exitFailed, "there is no agent")
	r := in.admin("agents", "list")
	r.wants(t, exitOK)
	if !strings.Contains(r.stdout, me.Name) || !strings.Contains(r.stdout, in.firm().Domain+"\n") || strings.Count(r.stdout, "\n") != len(in.firm().Agents)+2 {
		t.Errorf("the table is\n%s", r.stdout)
	}
}

// The whole way of a pairing and of calls leaves no secret and no person in
// the log, whatever the level, nor a number in the trace.
func TestNothingSecretInLogOrTrace(t *testing.T) {
	in := install(t, simulator.NewFirm(), nil, nil)
	in.serve()
	me := in.firm().Agents[0]
	v := in.join(me.Extension)
	authorize := v.beginPairing()
	target, err := in.smokeball().SignIn(authorize, me.Email)
	if err != nil {
		t.Fatal(err)
	}
	sc := v.open()
	v.finishPairing(strings.TrimPrefix(target, v.public))
	for dig(sc.next("pairing"), "pairing", "email_matches") == nil {
	}
	secrets := map[string]string{
		"client secret": in.world.client.Secret, "API key": in.world.client.APIKey, "webhook password": in.world.access.Password,
		"session cookie": v.cookie.Value, "authorisation code": queryValue(t, target, "code"), "state": queryValue(t, target, "state"),
		"e-mail": me.Email,
	}
	remember := func(when string) {
		tokens := in.smokeball().Tokens(me.Email)
		for i, token := range append(tokens.Access, tokens.Refresh...) {
			secrets[fmt.Sprintf("token %d %s", i, when)] = token
		}
	}
	remember("at first")
	in.smokeball().ExpireAccess(me.Email) // a refresh is on the way too

	maria, stranger := in.firm().Callers[0], in.firm().Callers[13]
	for i, c := range []simulator.Caller{maria, stranger} {
		id := fmt.Sprintf("call-%d", i)
		in.ring(event{"event": "ringing", "call_id": id, "from": fmt.Sprintf(`"%s" <sip:%s@firm.example>`, "MARIA C", c.E164()), "to": me.Extension})
		if i == 0 {
			sc.next("pop")
		}
		in.ring(event{"event": "terminated", "call_id": id})
		secrets[id+"'s number"] = c.National
	}
	sc.next("end")
	secrets["a name"], secrets["the PBX's name"] = "Castellanos", "MARIA C"
	remember("after a refresh")
	// What is refused must not show what was sent either.
	for _, change := range []func(*http.Request){
		func(r *http.Request) { r.SetBasicAuth("vodia", "a-wrong-password") },
		func(r *http.Request) { r.SetBasicAuth(in.world.access.Username, in.world.access.Password) },
	} {
		v.request(http.MethodPost, "/hooks/vodia/"+in.firm().Domain, `{"from":"`+maria.E164()+`","to":"+16175550199"`, change)
	}
	secrets["a wrong password"], secrets["a malformed event's number"] = "a-wrong-password", "6175550199"
	if res, _ := v.request(http.MethodGet, "/pair/callback?code=forged-code&state=forged-state", ""); res.StatusCode != http.StatusForbidden {
		t.Errorf("a forged callback: %s", res.Status)
	}
	secrets["a forged code"] = "forged-code"
	in.smokeball().Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Status: http.StatusInternalServerError, Body: `{"message":"Castellanos went wrong"}`})
	in.ring(event{"event": "ringing", "call_id": "fails", "from": in.firm().Callers[1].E164(), "to": me.Extension})
	secrets["the failing call's number"] = in.firm().Callers[1].National
	in.ring(event{"event": "terminated", "call_id": "fails"})

	trace := in.admin("trace", "--tenant", in.firm().Domain, "--extension", me.Extension)
	trace.wants(t, exitOK)
	if !strings.Contains(trace.stdout, "**********42") || !strings.Contains(trace.stdout, "shown") || !strings.Contains(trace.stdout, "call-1") {
		t.Errorf("the trace is\n%s", trace.stdout)
	}
	doc := in.document("trace", "--call", "call-0")
	entries := doc["entries"].([]any)
	if want := `{agents:[string] call:string detail:string extension:string fields:[{name:string shape:string}] number:string step:string tenant:string time:time verdict:string}`; len(entries) < 3 || shape(entries[0]) != want {
		t.Errorf("the trace has %v", doc)
	}
	unpaired := in.document("agents", "unpair", "--tenant", in.firm().Domain, "--extension", me.Extension)
	if unpaired["revoked"] != true {
		t.Errorf("unpair: %v", unpaired)
	}
	_ = sc.conn.Close()
	if code := in.end(syscall.SIGTERM); code != exitOK {
		t.Errorf("stopped with %d", code)
	}

	log := in.stderr.String()
	if !strings.Contains(log, `"level":"DEBUG"`) {
		t.Errorf("the log is not at level debug:\n%s", log)
	}
	lines := bufio.NewScanner(strings.NewReader(log))
	for lines.Scan() {
		if !json.Valid(lines.Bytes()) {
			t.Errorf("a line that is no JSON: %s", lines.Text())
		}
	}
	printed, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range map[string]string{"log": log, "trace": trace.stdout + string(printed)} {
		for what, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("the %s (%s) is in the %s:\n%s", what, secret, where, linesWith(text, secret))
			}
		}
	}
}

func linesWith(text, part string) string {
	var found []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			found = append(found, line)
		}
	}
	return strings.Join(found, "")
}

func queryValue(t testing.TB, link, name string) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, link, nil)
	if err != nil {
		t.Fatal(err)
	}
	value := req.URL.Query().Get(name)
	if value == "" {
		t.Fatalf("%s has no %s", link, name)
	}
	return value
}

// The way up and the way down, as systemd sees them.
func TestNotifiesAndStopsInOrder(t *testing.T) {
	hold := gate{make(chan struct{})}
	in := install(t, simulator.NewFirm(), func(o *simulator.Options) { o.Sleep = hold.sleep }, nil)
	notify, err := new(net.ListenConfig).ListenPacket(t.Context(), "unixgram", filepath.Join(in.dir, "n.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()
	in.start("NOTIFY_SOCKET=" + filepath.Join(in.dir, "n.sock"))
	if got := receive(t, notify); got != "READY=1" {
		t.Fatalf("the first word is %q", got)
	}
	// Ready means ready: every listener answers.
	if res, err := plainClient.Get("http://" + in.ops + "/readyz"); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("readyz: %v, %v", res, err)
	} else {
		_ = res.Body.Close()
	}
	me := in.firm().Agents[0]
	v := in.join(me.Extension)
	v.pair(in.smokeball(), me.Email)
	sc := v.open()

	// A call that came before the signal is worked off after it: its search is
	// under way when the daemon is told to stop.
	in.smokeball().Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Latency: time.Second})
	in.smokeball().Forget()
	in.ring(event{"event": "ringing", "call_id": "last", "from": in.firm().Callers[0].E164(), "to": me.Extension})
	ctx, cancel := context.WithTimeout(t.Context(), waitAtMost)
	defer cancel()
	if err := in.smokeball().Await(ctx, simulator.ContactsEndpoint, 1); err != nil {
		t.Fatal(err)
	}
	if err := in.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, notify); got != "STOPPING=1" {
		t.Errorf("the second word is %q", got)
	}
	close(hold.open)
	if pop := sc.next("pop"); dig(pop, "pop", "call", "id") != "last" {
		t.Errorf("the last pop is %v", pop)
	}
	if code := sc.closed(); code != 4000 {
		t.Errorf("closed with %d, want 4000", code)
	}
	_ = in.cmd.Wait()
	if code := in.cmd.ProcessState.ExitCode(); code != exitOK {
		t.Errorf("exit code %d:\n%s", code, in.stderr)
	}
	if _, err := os.Stat(in.socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the admin socket is still there: %v", err)
	}
}

// The power goes right after a pairing: nothing of it is lost.
func TestKilledAfterPairing(t *testing.T) {
	in := install(t, simulator.NewFirm(), nil, nil)
	in.serve()
	me := in.firm().Agents[0]
	v := in.join(me.Extension)
	v.finishPairing(v.callback(in.smokeball(), me.Email))
	_ = in.cmd.Process.Kill()
	_ = in.cmd.Wait()

	in.serve() // the socket file of the killed one is in its way
	sc := v.open()
	if dig(sc.hello, "pairing", "state") != "paired" {
		t.Errorf("after the restart: %v", sc.hello)
	}
	maria := in.firm().Callers[0]
	in.ring(event{"event": "ringing", "call_id": "after", "from": maria.E164(), "to": me.Extension})
	for {
		f := sc.read() // whose account it is may be found out only now
		if f["type"] == "pop" {
			if !slices.Equal(names(f["pop"]), maria.Names) {
				t.Errorf("the pop is %v", f)
			}
			break
		}
	}
	_ = sc.conn.Close()
	if code := in.end(syscall.SIGTERM); code != exitOK {
		t.Errorf("stopped with %d", code)
	}
}

// The demo, from its first line to the first call on a screen.
func TestDemoShowsCalls(t *testing.T) {
	d := startDemo(t, "--calls-per-minute", "600")
	v := signIn(t, d.line(`(http://\S+/join#\S+)`))
	sc := v.open()
	if dig(sc.hello, "pairing", "state") != "unpaired" {
		t.Errorf("the demo's agent begins as %v", sc.hello["pairing"])
	}
	d.pair(v)
	seen := map[any]bool{}
	for !seen["pop"] || !seen["end"] || !seen["pairing"] {
		f := sc.read()
		seen[f["type"]] = true
		if f["type"] == "pop" && len(names(f["pop"])) == 0 {
			t.Errorf("a pop that names nobody: %v", f)
		}
	}
	d.stop(func() {
		if code := sc.closed(); code != 4000 {
			t.Errorf("closed with %d, want 4000", code)
		}
	})
}
