package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/simulator"
)

// leakWorld is an installation whose every secret is a canary, and what has
// come out of it.
type leakWorld struct {
	*installation
	canaries *canaries
	persons  *canaries // contacts and callers: not in logs, traces or files
	out      *evidence
	me       simulator.Agent
	temp     string // the daemon's directory for temporary files
	calls    int
}

// A caller of the address book and one who is not in it.
const (
	knownName     = "Wilhelmina Canarywood"
	knownNumber   = "6175550188"
	unknownNumber = "6175550177"
)

func newLeakWorld(t *testing.T) *leakWorld {
	t.Helper()
	w := &leakWorld{canaries: newCanaries(), persons: newCanaries(), out: newEvidence(), temp: t.TempDir()}
	// With every character that some escaping changes and a header may carry.
	const odd = "/+=&%\"<>\\' "
	planted := map[string]string{
		"client-secret": rand.Text() + odd + rand.Text(), "api-key": rand.Text() + odd + rand.Text(),
		"webhook-password": rand.Text() + odd + rand.Text(), "webhook-token": rand.Text() + odd + rand.Text(),
	}
	firm := simulator.NewFirm()
	w.installation = install(t, firm, func(o *simulator.Options) {
		unlimited(o)
		o.Rotation = true
		o.Clients[0].Secret, o.Clients[0].APIKey = planted["client-secret"], planted["api-key"]
	}, func(settings map[string]any) {
		etc := filepath.Dir(settings["encryption_key_file"].(string))
		for name, secret := range planted {
			if err := os.WriteFile(filepath.Join(etc, name), []byte(secret+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		tenant := settings["tenants"].([]map[string]any)[0]
		tenant["pbx"].(map[string]any)["webhook"].(map[string]any)["token_file"] = "webhook-token"
		setTenant(settings, "smokeball", "requests_per_second", 1000)
		setTenant(settings, "smokeball", "burst", 1000)
		setTenant(settings, "lookup", "cache", "0s")
		settings["audit"] = map[string]any{"file": filepath.Join(filepath.Dir(etc), "audit.log")}
	})
	w.world.access.Password = planted["webhook-password"]
	for kind, secret := range planted {
		w.canaries.add(strings.ReplaceAll(kind, "-", " "), secret)
	}
	key, err := os.ReadFile(filepath.Join(w.dir, "etc", "smokepop.key"))
	if err != nil {
		t.Fatal(err)
	}
	sealing := strings.Fields(string(key))[1]
	raw, err := base64.StdEncoding.DecodeString(sealing)
	if err != nil {
		t.Fatal(err)
	}
	w.canaries.add("key", sealing, string(raw))
	w.smokeball().PutContacts(simulator.Contact{
		ID:     "5c41a9c1-0000-4000-8000-000000000188",
		Person: &simulator.Person{FirstName: "Wilhelmina", LastName: "Canarywood", Email: "wilhelmina@canary.example", Cell: simulator.Phone{AreaCode: "617", Number: "5550188"}},
	})
	w.persons.add("contact", knownName, "Wilhelmina", "Canarywood", "wilhelmina@canary.example", knownNumber, "555-0188", "5550188")
	w.persons.add("caller", unknownNumber, "5550177", "555-0177")
	w.me = firm.Agents[0]
	return w
}

// ask sends a request as a browser and keeps the whole answer.
func (w *leakWorld) ask(v *visitor, method, path, body string, may ...string) int {
	w.t.Helper()
	res, text := v.request(method, path, body)
	w.keep("the agents' answers", res, text, may...)
	return res.StatusCode
}

func (w *leakWorld) keep(where string, res *http.Response, text string, may ...string) {
	if len(may) > 0 { // a place of its own, so that it may be nowhere else
		where += ", " + res.Request.Method + " " + res.Request.URL.Path
	}
	var head strings.Builder
	_ = res.Header.Write(&head)
	w.out.add(where, res.Status+"\n"+head.String()+text, may...)
}

// hook sends a webhook. change, when given, has the last word.
func (w *leakWorld) hook(path, body string, change ...func(*http.Request)) int {
	w.t.Helper()
	pbx := &visitor{t: w.t, public: w.world.public}
	res, text := pbx.request(http.MethodPost, "/hooks/vodia/"+w.firm().Domain+path, body, append([]func(*http.Request){func(r *http.Request) {
		r.SetBasicAuth(w.world.access.Username, w.world.access.Password)
		r.Header.Set("X-Smokepop-Token", w.secret("webhook-token"))
	}}, change...)...)
	w.keep("the PBX's answers", res, text)
	return res.StatusCode
}

func (w *leakWorld) secret(file string) string {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, "etc", file))
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.TrimSuffix(string(b), "\n")
}

// ringUntil lets calls ring until an endpoint of Smokeball has been asked because
// of one, and end then: a call that has ended is looked up no more. After many
// failures smokepop leaves Smokeball alone for some seconds: then one call more
// has to ring.
func (w *leakWorld) ringUntil(number string, e simulator.Endpoint) {
	w.t.Helper()
	asked := w.smokeball().Count(e)
	for end := time.Now().Add(waitAtMost); ; {
		w.calls++
		w.state("ringing", number)
		ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Second)
		err := w.smokeball().Await(ctx, e, asked+1)
		cancel()
		w.state("terminated", number)
		switch {
		case err == nil:
			return
		case time.Now().After(end):
			w.t.Fatalf("%s is not asked: %v\n%s", e, err, w.admin("trace").stdout)
		}
	}
}

// state sends an event of the latest call.
func (w *leakWorld) state(state, number string) {
	w.t.Helper()
	body, err := json.Marshal(event{"event": state, "call_id": fmt.Sprintf("leak-%d", w.calls), "from": number, "to": w.me.Extension})
	if err != nil {
		w.t.Fatal(err)
	}
	if status := w.hook("", string(body)); status != http.StatusAccepted {
		w.t.Fatalf("webhook: %d", status)
	}
}

// plantTokens plants everything that has been sent to Smokeball in secret, and
// what it has handed out.
func (w *leakWorld) plantTokens() {
	for _, r := range w.smokeball().Requests(simulator.AnyEndpoint) {
		for _, field := range []string{"code", "code_verifier", "refresh_token", "token"} {
			w.canaries.add(field, r.Form[field]...)
		}
		if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
			w.canaries.add("access token", token)
		}
	}
	tokens := w.smokeball().Tokens("")
	for _, email := range []string{w.me.Email} {
		mine := w.smokeball().Tokens(email)
		tokens.Access, tokens.Refresh = append(tokens.Access, mine.Access...), append(tokens.Refresh, mine.Refresh...)
	}
	w.canaries.add("access token", tokens.Access...)
	w.canaries.add("refresh_token", tokens.Refresh...)
}

// callback goes to Smokeball and returns the path the browser is sent back to.
func (w *leakWorld) callback(v *visitor) string {
	w.t.Helper()
	path := v.callback(w.smokeball(), w.me.Email)
	u, err := url.Parse(path)
	if err != nil {
		w.t.Fatal(err)
	}
	w.canaries.add("state", u.Query().Get("state"))
	w.canaries.add("code", u.Query().Get("code"))
	return path
}

// files keeps the bytes of everything below dir.
func (w *leakWorld) files(dir string) {
	w.t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		w.out.add("the files", path+"\n"+string(b))
		n++
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Logf("%d files in %s", n, filepath.Base(dir))
}

func dialPlain(t testing.TB, address string) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(waitAtMost))
	return conn
}

func readAll(t testing.TB, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
