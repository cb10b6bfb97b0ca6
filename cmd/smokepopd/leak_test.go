package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/smokepop/smokepop/internal/simulator"
)

// echoes are the ways a server gives a client its own secrets back.
func echoes(e simulator.Endpoint) map[string]simulator.Fault {
	return map[string]simulator.Fault{
		"400":          simulator.EchoJSON(e, 400, "invalid_request"),
		"400 grant":    simulator.EchoJSON(e, 400, "invalid_grant"),
		"400 code":     simulator.EchoJSON(e, 400, ""),
		"401":          simulator.EchoJSON(e, 401, "invalid_client"),
		"403":          simulator.EchoJSON(e, 403, ""),
		"500":          simulator.EchoJSON(e, 500, "server_error"),
		"200 error":    simulator.EchoJSON(e, 200, "invalid_request"),
		"page":         simulator.EchoHTML(e, 200),
		"error page":   simulator.EchoHTML(e, 502),
		"no address":   simulator.EchoRedirect(e, 302),
		"no HTTP":      simulator.EchoRaw(e, ""),
		"no header":    simulator.EchoRaw(e, "HTTP/1.1 200 OK\r\n"),
		"no encoding":  simulator.EchoRaw(e, "HTTP/1.1 200 OK\r\nTransfer-Encoding: "),
		"bad trailer":  simulator.EchoRaw(e, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\n{}\r\n0\r\n"),
		"other host":   simulator.RedirectTo(e, 307, "http://127.0.0.1:9/"),
		"half a token": simulator.TokenField("access_token", `"a b"`),
	}
}

// Everything secret is a canary, everything that can fail does, with a world
// that says back what it was sent; then every byte that has come out is
// searched.
func TestNoSecretLeaves(t *testing.T) {
	w := newLeakWorld(t)
	w.serve("TMPDIR="+w.temp, "GOTRACEBACK=all")
	v := w.signInBadlyAndWell()
	ended := w.watch(v)
	w.pairBadly(v)
	w.refreshBadly(v)
	w.lookUpBadly(v)
	w.hookBadly()
	w.requestBadly(v)
	w.askEverything()

	w.plantTokens()
	w.files(filepath.Join(w.dir, "state"))
	w.process()
	// The dump of all stacks is the last word, and the screens end with it.
	if code := w.end(syscall.SIGQUIT); code != 2 {
		t.Errorf("SIGQUIT ends it with %d", code)
	}
	w.out.add("the screens' frames", <-ended)
	w.plantTokens()
	w.files(filepath.Join(w.dir, "state"))
	w.files(w.temp)
	log := w.stderr.String()
	for _, want := range []string{`"level":"DEBUG"`, "SIGQUIT: quit", "\ngoroutine 1 "} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not have %q", want)
		}
	}
	w.out.add("the log", log)
	record, err := os.ReadFile(filepath.Join(w.dir, "audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{"sign-in", "pair", "unpair", "invite"} {
		if !strings.Contains(string(record), `"event":"`+event+`"`) {
			t.Errorf("the audit file does not tell of %s", event)
		}
	}
	w.out.add("the audit file", string(record))
	if frames := w.out.texts["the screens' frames"].String(); !strings.Contains(frames, knownName) {
		t.Errorf("the pops were not seen: %.500s", frames)
	}

	for _, kind := range []string{"key", "client secret", "api key", "webhook password", "webhook token", "invite", "session cookie", "state", "code", "code_verifier", "access token", "refresh_token"} {
		if !planted(w.canaries, kind) {
			t.Errorf("no %s was planted", kind)
		}
	}
	w.out.search(t, w.canaries)
	for where := range w.out.texts { // agents are shown who calls, and nobody else is
		if where == "the screens' frames" || strings.HasPrefix(where, "the agents' answers") {
			delete(w.out.texts, where)
		}
	}
	w.out.search(t, w.persons)
}

func planted(c *canaries, kind string) bool {
	for _, k := range c.kinds {
		if k == kind {
			return true
		}
	}
	return false
}

func (w *leakWorld) signInBadlyAndWell() *visitor {
	who := []string{"--tenant", w.firm().Domain, "--extension", w.me.Extension}
	withdrawn := w.document(append([]string{"agents", "invite"}, who...)...)["url"].(string)
	w.admin(append([]string{"agents", "sign-out"}, who...)...).wants(w.t, exitOK)
	_, old, _ := strings.Cut(withdrawn, "#")
	r := w.admin(append([]string{"agents", "invite"}, who...)...)
	w.out.add("agents invite", r.stdout+r.stderr, "invite")
	at := strings.Index(r.stdout, w.world.public+"/join#")
	if at < 0 {
		w.t.Fatalf("no link: %s", r.stdout)
	}
	link := strings.Fields(r.stdout[at:])[0]
	_, token, _ := strings.Cut(link, "#")
	w.canaries.add("invite", old, token)
	stranger := &visitor{t: w.t, public: w.world.public}
	for _, body := range []string{`{"invite":"` + old + `"}`, `{"invite":"` + token + `","x":`, `{"invite":["` + token + `"]}`, `{"` + token + `":1}`, token} {
		if status := w.ask(stranger, http.MethodPost, "/api/session", body); status/100 != 4 {
			w.t.Errorf("%s: %d", body, status)
		}
	}
	v := signIn(w.t, link)
	w.canaries.add("session cookie", v.cookie.Value)
	w.ask(stranger, http.MethodPost, "/api/session", `{"invite":"`+token+`"}`) // used
	return v
}

// watch keeps the frames of a screen until its socket ends.
func (w *leakWorld) watch(v *visitor) <-chan string {
	conn, res, err := v.dial("smokepop.v1")
	if err != nil {
		w.t.Fatal(err)
	}
	w.keep("the socket's answer", res, "")
	ended := make(chan string, 1)
	w.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"dismiss","id":"nothing"}`)); err != nil {
		w.t.Fatal(err)
	}
	go func() {
		var all strings.Builder
		for {
			_, b, err := conn.ReadMessage()
			if err != nil {
				ended <- all.String() + err.Error()
				return
			}
			all.Write(append(b, '\n'))
		}
	}()
	return ended
}

func (w *leakWorld) pairBadly(v *visitor) {
	for name, f := range echoes(simulator.TokenEndpoint) {
		undo := w.smokeball().Inject(f)
		before := w.smokeball().Count(simulator.TokenEndpoint)
		path := w.callback(v)
		if status := w.ask(v, http.MethodGet, path, ""); status < 400 {
			w.t.Errorf("%s: the callback is answered with %d", name, status)
		}
		if n := w.smokeball().Count(simulator.TokenEndpoint) - before; n != 1 {
			w.t.Errorf("%s: %d token requests", name, n)
		}
		w.ask(v, http.MethodGet, path, "") // and again
		undo()
	}
	path := w.callback(v)
	for _, more := range []string{"&state=2", "&error=" + url.QueryEscape(path) + "&error_description=" + url.QueryEscape(path), "&iss=" + url.QueryEscape("https://evil.example/"+path)} {
		w.ask(v, http.MethodGet, w.callback(v)+more, "")
	}
	w.ask(&visitor{t: w.t, public: w.world.public}, http.MethodGet, path, "")
	res, body := v.request(http.MethodPost, "/api/pair", "")
	w.keep("the agents' answers", res, body, "state")
}

// refreshBadly lets a refresh and then the revocation fail in every way.
func (w *leakWorld) refreshBadly(v *visitor) {
	revoke := echoes(simulator.RevokeEndpoint)
	for name, f := range echoes(simulator.TokenEndpoint) {
		w.ask(v, http.MethodGet, w.callback(v), "")
		w.plantTokens()
		after := f
		after.AfterWork = f.Answer != nil // the rotated token is one more that nobody has
		undo := w.smokeball().Inject(after, revoke[name])
		revoked := w.smokeball().Count(simulator.RevokeEndpoint)
		w.smokeball().ExpireAccess("")
		w.ringUntil(knownNumber, simulator.TokenEndpoint)
		w.ask(v, http.MethodGet, "/api/me", "")
		w.plantTokens()
		r := w.admin("agents", "list")
		w.out.add("agents list", r.stdout+r.stderr)
		w.ask(v, http.MethodDelete, "/api/pair", "")
		if n := w.smokeball().Count(simulator.RevokeEndpoint); n == revoked && name != "400 grant" && name != "half a token" {
			w.t.Logf("%s: nothing was revoked", name)
		}
		undo()
	}
	w.ask(v, http.MethodGet, w.callback(v), "")
}

func (w *leakWorld) lookUpBadly(v *visitor) {
	for name, f := range echoes(simulator.AnyEndpoint) {
		if name == "half a token" {
			continue
		}
		w.ringUntil(unknownNumber, simulator.ContactsEndpoint)
		undo := w.smokeball().Inject(f)
		w.ringUntil(knownNumber, simulator.ContactsEndpoint)
		r := w.admin("doctor", "--json", "--number", knownNumber)
		w.out.add("doctor", r.stdout+r.stderr)
		undo()
		w.ask(v, http.MethodDelete, "/api/pair", "")
		w.ask(v, http.MethodGet, w.callback(v), "")
	}
	w.ringUntil(knownNumber, simulator.ContactsEndpoint)
	w.ringUntil(unknownNumber, simulator.ContactsEndpoint)
}

func (w *leakWorld) hookBadly() {
	password, token := w.secret("webhook-password"), w.secret("webhook-token")
	q := url.QueryEscape(password)
	good := `{"event":"ringing","call_id":"x","from":"` + knownNumber + `","to":"101"}`
	for _, c := range []struct {
		path, body string
		change     func(*http.Request)
	}{
		{"", `{"event":"ringing","password":"` + token + `"`, nil},
		{"", fmt.Sprintf(`{"event":%q}`, password), nil},
		{"", fmt.Sprintf(`{"event":{"name":%q}}`, password), nil},
		{"", fmt.Sprintf(`{"event":"ringing","call_id":"x","from":["%s","%s"],"to":{}}`, token, token), nil},
		{"", fmt.Sprintf(`{"event":%q,"call_id":"x","from":%q,"to":"101"}`, password, knownNumber), nil},
		{"", fmt.Sprintf(`{"event":"ringing","call_id":"y","from":%q,"to":"101"}`, password), nil},
		{"", fmt.Sprintf(`{"event":"ringing","call_id":"t","from":%q,"to":"101","time":%q,"direction":%q}`, knownNumber, password, token), nil},
		{"", "event=ringing&password=" + q + "&%zz", func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }},
		{"", password, func(r *http.Request) { r.Header.Set("Content-Type", password) }},
		{"?password=" + q + "&%zz", good, nil},
		{"?token=" + q, `{`, nil},
		{"/" + url.PathEscape(token) + "/101", good, nil},
		{"/ringing/" + url.PathEscape(token), `{"event":1}`, nil},
		{"/a/b/" + url.PathEscape(token), good, nil},
		{"", good, func(r *http.Request) { r.SetBasicAuth(w.world.access.Username, password+"x") }},
		{"", good, func(r *http.Request) { r.SetBasicAuth(password, w.world.access.Username) }},
		{"", good, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }},
		{"", good, func(r *http.Request) { r.Header.Set("X-Smokepop-Token", password) }},
		{"", good, func(r *http.Request) { r.Header["X-Smokepop-Token"] = []string{token, token} }},
		{"", good, func(r *http.Request) { r.Method = "PATCH"; r.Header.Set("User-Agent", token) }},
		{"", good, func(r *http.Request) { r.URL.Path = "/hooks/vodia/" + token }},
	} {
		if c.change == nil {
			c.change = func(*http.Request) {}
		}
		w.hook(c.path, c.body, c.change)
	}
	w.plain("POST /hooks/vodia/" + w.firm().Domain + " HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\nX-Smokepop-Token: " + token + "\r\nAuthorization: Basic " +
		base64.StdEncoding.EncodeToString([]byte(w.world.access.Username+":"+password)) + "\r\n\r\n" + password) // too large
	w.plain("GET /hooks/" + token + "\r\n\r\n") // no HTTP at all
	w.plain("GET / HTTP/1.1\r\nHost: " + token + "\r\nX-" + token + "\r\n\r\n")
}

// plain sends bytes to the agents' listener and keeps what comes back.
func (w *leakWorld) plain(text string) {
	conn := dialPlain(w.t, strings.TrimPrefix(w.world.public, "http://"))
	defer conn.Close()
	if _, err := conn.Write([]byte(text)); err != nil {
		w.t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, _ := conn.Read(b)
	w.out.add("answers to what is no HTTP", string(b[:n]))
}

func (w *leakWorld) requestBadly(v *visitor) {
	cookie := v.cookie.Value
	for _, path := range []string{"/?session=" + cookie, "/join?invite=" + cookie, "/" + cookie, "/assets/" + cookie + "/app.js", "/api/" + cookie, "/pair/callback?state=" + cookie + "&code=" + cookie, "/ws?session=" + cookie} {
		w.ask(v, http.MethodGet, path, "")
		w.ask(v, http.MethodPost, path, cookie)
	}
	for _, c := range []func(*http.Request){
		func(r *http.Request) { r.Header.Set("Origin", "https://"+cookie+".example") },
		func(r *http.Request) { r.Header.Set("Cookie", v.cookie.Name+"="+cookie+"x; other="+cookie) },
		func(r *http.Request) { r.Header.Set("Cookie", v.cookie.Name+"="+cookie+"; "+v.cookie.Name+"="+cookie) },
		func(r *http.Request) { r.Header.Set("Referer", v.public+"/?"+cookie) },
		func(r *http.Request) { r.Method = cookie },
	} {
		for _, path := range []string{"/api/me", "/api/pair", "/ws"} {
			res, body := v.request(http.MethodGet, path, "", c)
			w.keep("the agents' answers", res, body)
		}
	}
	for _, message := range []string{cookie, `{"type":"` + cookie + `"}`, `{"type":"dismiss","id":"` + cookie + `"}`, `{"type":"open","id":["` + cookie + `"]}`} {
		conn, _, err := v.dial("smokepop.v1")
		if err != nil {
			w.t.Fatal(err)
		}
		_ = conn.WriteMessage(websocket.TextMessage, []byte(message))
		_ = conn.WriteMessage(websocket.BinaryMessage, []byte(message))
		for {
			_, b, err := conn.ReadMessage()
			if err != nil {
				w.out.add("the screens' frames", err.Error())
				break
			}
			w.out.add("the screens' frames", string(b))
		}
		_ = conn.Close()
	}
	if _, res, err := v.dial(cookie); err == nil {
		w.t.Error("a socket of no protocol")
	} else if res != nil {
		w.keep("the socket's answer", res, "")
	}
}

// askEverything keeps what every command and page has to say.
func (w *leakWorld) askEverything() {
	key := filepath.Join(w.dir, "etc", "smokepop.key")
	for _, args := range [][]string{
		{"check-config", "--config", w.file}, {"agents", "list", "--config", w.file}, {"agents", "list", "--json", "--config", w.file},
		{"doctor", "--config", w.file}, {"doctor", "--json", "--config", w.file, "--number", knownNumber}, {"keys", "list", "--key-file", key},
		{"trace", "--config", w.file}, {"trace", "--json", "--config", w.file}, {"version"},
		{"calls", "--config", w.file}, {"calls", "--json", "--config", w.file},
		{"numbers", "--links", "--config", w.file}, {"numbers", "--json", "--config", w.file},
		{"agents", "invite", "--tenant", w.firm().Domain, "--extension", "nobody", "--config", w.file},
	} {
		r := command(w.t, args...)
		if r.stdout+r.stderr == "" {
			w.t.Errorf("%v says nothing", args)
		}
		w.out.add(strings.Join(args[:min(2, len(args))], " "), r.stdout+r.stderr)
	}
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		w.keepGet(plainClient, "http://"+w.ops+path)
	}
	admin := newAdminClient(w.socket)
	for _, path := range []string{"/v1/agents", "/v1/trace", "/v1/trace?by=call", "/v1/calls", "/v1/numbers", "/v1/nothing"} {
		w.keepGet(admin.http, "http://smokepopd"+path)
	}
	admin.http.CloseIdleConnections()
}

func (w *leakWorld) keepGet(client *http.Client, address string) {
	res, err := client.Get(address)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	w.keep("the answers of ops and admin", res, readAll(w.t, res.Body))
}

// process keeps what the system shows of the process, and sees to it that no
// core of it can be written.
func (w *leakWorld) process() {
	proc := fmt.Sprintf("/proc/%d/", w.cmd.Process.Pid)
	if _, err := os.Stat(proc); err != nil {
		w.t.Logf("there is no %s here: limits and command line are not looked at", proc)
		return
	}
	for _, name := range []string{"cmdline", "environ", "limits", "status", "comm"} {
		b, err := os.ReadFile(proc + name)
		if err != nil && name != "environ" { // which nobody but root may read: that is the point
			w.t.Errorf("%s: %v", name, err)
		}
		w.out.add("/proc", string(b))
	}
	if limits := w.out.texts["/proc"].String(); !strings.Contains(strings.Join(strings.Fields(limits), " "), "Max core file size 0 0 bytes") {
		w.t.Errorf("a core may be written:\n%s", limits)
	}
	// What of /proc belongs to root although the process does not run as root
	// is what an undumpable process has; as root only the kernel can tell.
	if info, err := os.Stat(proc + "environ"); err != nil {
		w.t.Error(err)
	} else if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
		w.t.Errorf("other processes of user %d may look into this one", st.Uid)
	}
}
