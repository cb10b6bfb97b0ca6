package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/smokepop/smokepop/internal/simulator"
)

// Where scripts/guide-test.sh has put what is around a newcomer: the names lead
// to these addresses, and the machine trusts who has signed their certificates.
const (
	walkName      = "pop.firm.example"
	walkSmokeball = "198.18.0.2:443"
	walkPBX       = "198.18.0.3:443"
	walkDesk      = "203.0.113.7" // an agent's machine
	walkPhones    = "203.0.113.9" // what the PBX sends from, where it matters
	walkClientID  = "0a1b2c3d4e5f"
	walkCaller    = "6175550142"
	walkContact   = "Maria Castellanos"
)

// walker is a newcomer with docs/install.md in hand.
type walker struct {
	t         *testing.T
	way       string
	secrets   map[string]string
	smokeball *simulator.Smokeball
	pbx       *simulator.PBX
	said      map[string]string // what the command whose line it is has printed
	pasted    int               // lines
}

// TestWalkTheGuide does what docs/install.md says, block by block, and nothing
// else, up to the first pop. It runs as root in a machine of its own that
// scripts/guide-test.sh makes; `make guide-test` walks all ways.
func TestWalkTheGuide(t *testing.T) {
	way := os.Getenv("GUIDE_WAY")
	if way == "" {
		t.Skip("make guide-test walks the install guide, in machines of its own")
	}
	text, err := os.ReadFile("/root/install.md")
	if err != nil {
		t.Fatal(err)
	}
	w := &walker{t: t, way: way, said: map[string]string{}, secrets: map[string]string{
		"smokeball-client-secret": "the-client-secret-of-the-walk", "smokeball-api-key": "the-api-key-of-the-walk", "pbx-password": "the-password-of-the-walk",
	}}
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := exec.Command("sh", "-c", "journalctl --no-pager -n 60 -u smokepop.service -u nginx.service -u caddy.service; cat /var/log/nginx/error.log").CombinedOutput()
			t.Logf("%s", out)
		}
	})
	w.outside()
	began := time.Now()
	steps := guide(t, string(text), way)
	upgrade := slices.IndexFunc(steps, func(s step) bool { return strings.Contains(s.text, "smokepopd backup") })
	if upgrade < 0 {
		upgrade = len(steps)
	}
	for _, s := range steps[:upgrade] {
		w.do(s)
		switch {
		case strings.Contains(s.text, "vodia template"):
			w.setHooksByHand()
		case strings.Contains(s.text, "agents invite"):
			w.firstPop()
			t.Logf("%s: from the program to the first pop: %d lines pasted, the machine's part of it took %s", way, w.pasted, time.Since(began).Round(time.Second))
		}
	}
	if said := w.said["smokepopd trace"]; !strings.Contains(said, "Pop for 101: there was a pop, on 1 screen.") {
		t.Errorf("the trace does not show the pop:\n%s", said)
	}
	w.wants("smokepopd agents list", "paired")
	if said := w.said["smokepopd doctor"]; way == "package" && strings.Count(said, "warning") != 1 || strings.Contains(said, "FAILED") {
		t.Errorf("doctor has something to say that the guide has not:\n%s", said)
	}
	w.frames()
	if way == "package" {
		w.sealTheKey()
	}
	if upgrade < len(steps) {
		before := w.sh("smokepopd version")
		w.sh("cd /root && rm smokepop_*.deb && cp newer/*.deb .")
		for _, s := range steps[upgrade:] {
			w.do(s)
		}
		if after := w.sh("smokepopd version"); after == before {
			t.Errorf("after the upgrade it is still %s", after)
		}
		w.wants("smokepopd agents list", "paired")
		w.wants("systemctl is-active smokepop.service", "active")
	}
}

// outside is the world that the guide takes for given: Smokeball with an app
// that is registered as section 2 says, and a PBX with an account as in 3.
func (w *walker) outside() {
	w.t.Helper()
	firm := simulator.NewFirm()
	firm.Domain = "firm.example.com"
	redirect := "https://" + walkName + "/pair/callback"
	if w.way == "package" || w.way == "tarball" {
		redirect = "https://" + walkName + ":8443/pair/callback"
	}
	w.smokeball = simulator.NewSmokeball(simulator.Options{Firm: firm, Clients: []simulator.Client{{
		ID: walkClientID, Secret: w.secrets["smokeball-client-secret"], APIKey: w.secrets["smokeball-api-key"], Name: "smokepop", RedirectURLs: []string{redirect},
	}}})
	w.pbx = simulator.NewPBX(simulator.PBXOptions{Firm: firm, Admins: []simulator.Admin{{User: "smokepop", Password: w.secrets["pbx-password"]}}})
	w.t.Cleanup(w.pbx.Close)
	for address, h := range map[string]http.Handler{walkSmokeball: w.smokeball, walkPBX: w.pbx} {
		l, err := listenOutside(address, &tls.Config{Certificates: []tls.Certificate{w.pair("outside")}, MinVersion: tls.VersionTLS12})
		if err != nil {
			w.t.Fatal(err)
		}
		server := &http.Server{Handler: h, ReadHeaderTimeout: waitAtMost}
		served := make(chan error, 1)
		go func() { served <- server.Serve(l) }()
		w.t.Cleanup(func() {
			_ = server.Close()
			<-served
		})
	}
}

func (w *walker) pair(name string) tls.Certificate {
	w.t.Helper()
	p, err := tls.LoadX509KeyPair("/root/"+name+".crt", "/root/"+name+".key")
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

var pastedSecret = regexp.MustCompile(`(?m)^cat > (\S+) +# paste.*$`)

// do does a block: into the shell, or into the file that the text before it
// names.
func (w *walker) do(s step) {
	w.t.Helper()
	switch {
	case s.file != "":
		if err := os.MkdirAll(filepath.Dir(s.file), 0o755); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(s.file, []byte(s.text), 0o644); err != nil {
			w.t.Fatal(err)
		}
	case s.edit != "":
		w.editConfig(s.edit, func(doc map[string]any) map[string]any {
			delete(doc, s.without)
			return merged(doc, parsed(w.t, s.text))
		})
	default:
		w.pasted += strings.Count(s.text, "\n")
		// What people paste behind cat, with Enter and Ctrl-D.
		for line := range strings.Lines(pastedSecret.ReplaceAllStringFunc(s.text, func(line string) string {
			name := pastedSecret.FindStringSubmatch(line)[1]
			if w.secrets[name] == "" {
				w.t.Fatalf("line %d of the guide: nobody knows what to paste into %s", s.line, name)
			}
			return "printf '%s\\n' " + w.secrets[name] + " > " + name
		})) {
			line = strings.TrimSpace(line)
			w.said[line] = w.sh(line)
		}
	}
}

// sh pastes a line into root's shell, and yes to whatever is asked. The folder
// and the umask are kept from line to line.
func (w *walker) sh(line string) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 5*time.Minute)
	defer cancel()
	const kept = "/run/guide-shell"
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c",
		"[ ! -e "+kept+" ] || . "+kept+"\n"+line+"\n{ printf 'cd %q; cd %q; ' \"$OLDPWD\" \"$PWD\"; echo umask $(umask); } > "+kept)
	cmd.Dir, cmd.Stdin = "/root", strings.NewReader("y\n")
	cmd.Env = append(os.Environ(), "HOME=/root", "OLDPWD=/root", "DEBIAN_FRONTEND=noninteractive")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	w.t.Logf("# %s\n%s", line, out.String())
	if err != nil {
		w.t.Fatalf("%s: %v", line, err)
	}
	return out.String()
}

func (w *walker) wants(line, said string) {
	w.t.Helper()
	if out := w.sh(line); !strings.Contains(out, said) {
		w.t.Errorf("%s does not say %q:\n%s", line, said, out)
	}
}

func (w *walker) editConfig(file string, change func(map[string]any) map[string]any) {
	w.t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := yaml.Marshal(change(parsed(w.t, string(b))))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(file, out, 0o644); err != nil {
		w.t.Fatal(err)
	}
}

var printedField = regexp.MustCompile(`^ {4}(\w+) +(.*)$`)

// setHooksByHand fills in the PBX's forms from what vodia template has printed.
func (w *walker) setHooksByHand() {
	w.t.Helper()
	setting, form := "", map[string]string{}
	set := 0
	done := func() {
		if setting == "" {
			return
		}
		b, err := json.Marshal(map[string]string{
			"method": form["Method"], "url": form["URL"], "auth": form["Authentication"], "user": form["User"], "pass": form["Password"],
			"headers": form["Headers"], "encoding": form["Encoding"], "body": form["Body"],
		})
		if err != nil {
			w.t.Fatal(err)
		}
		if !w.pbx.SetHook("101", setting, string(b)) {
			w.t.Fatalf("the PBX refuses %s: %s", setting, b)
		}
		set++
	}
	for line := range strings.Lines(w.said["smokepopd vodia template --extension 101 --show-secrets"]) {
		line = strings.TrimSuffix(line, "\n")
		if name, _, found := strings.Cut(line, ", "); found && strings.HasPrefix(name, "acturl_") {
			done()
			setting, form = name, map[string]string{}
		}
		if m := printedField.FindStringSubmatch(line); m != nil && m[2] != "(empty)" {
			form[m[1]] = m[2]
		}
	}
	if done(); set != 3 {
		w.t.Fatalf("%d webhooks were set, want 3", set)
	}
}

// firstPop opens the link of the invitation, pairs, and is called.
func (w *walker) firstPop() {
	w.t.Helper()
	link, _, _ := strings.Cut(w.said["smokepopd agents invite --extension 101"], "\n")
	v := signIn(w.t, link)
	v.pair(w.smokeball, "priya@firm.example")
	sc := v.open()
	ctx := w.t.Context()
	send := func(kind simulator.EventKind) {
		if a := w.pbx.Send(ctx, simulator.Step{Event: kind, Extension: "101", CallID: "first", From: walkCaller, To: "101"}); a.Err != nil || a.Status != http.StatusAccepted {
			w.t.Fatalf("the PBX's webhook %s: %+v", kind, a)
		}
	}
	send(simulator.NewCall)
	pop := sc.next("pop")
	if got := names(pop["pop"]); !slices.Equal(got, []string{walkContact}) {
		w.t.Fatalf("the pop shows %v: %v", got, pop)
	}
	send(simulator.CallEnd)
	sc.next("end")
	_ = sc.conn.Close()
}

// sealTheKey binds the key to the machine as docs/security.md says.
func (w *walker) sealTheKey() {
	w.t.Helper()
	text, err := os.ReadFile("/root/security.md")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range guide(w.t, string(text), w.way) {
		w.do(s)
	}
	w.wants("smokepopd agents list", "paired") // what was sealed before opens
}

// from is a client that asks from an address.
func from(address string) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return &http.Client{Timeout: waitAtMost, Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
}

// frames goes on where the guide ends: what a proxy could spoil. Pages may show
// calls in frames, browsers and the PBX are told apart by their addresses, and
// nobody makes one up.
func (w *walker) frames() {
	w.t.Helper()
	w.editConfig("/etc/smokepop/smokepop.yaml", func(doc map[string]any) map[string]any {
		doc["embed"] = map[string]any{"allowed_parents": []string{"https://portal.firm.example"}}
		doc["tenants"].([]any)[0].(map[string]any)["pbx"].(map[string]any)["webhook"].(map[string]any)["allow"] = []string{walkPhones}
		return doc
	})
	w.sh("systemctl restart smokepop.service")
	link, _, _ := strings.Cut(w.sh("smokepopd agents invite --extension 101"), "\n")
	base, token, _ := strings.Cut(link, "/join#")

	// The frame's document, its script and the page have smokepop's own headers,
	// all of them and no others.
	direct := base
	if w.way == "nginx" || w.way == "caddy" {
		direct = "http://127.0.0.1:8443"
	}
	for _, path := range []string{"/", "/embed", "/embed.js"} {
		ours, theirs := w.headers(direct+path), w.headers(base+path)
		if !maps.EqualFunc(ours, theirs, slices.Equal) {
			w.t.Errorf("%s: smokepop's headers are\n%v, and what comes out is\n%v", path, ours, theirs)
		}
	}
	if h := w.headers(base + "/embed"); !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors https://portal.firm.example") || h["X-Frame-Options"] != nil {
		w.t.Errorf("/embed cannot be framed: %v", h)
	}

	made := func(r *http.Request) {
		r.Header.Set("X-Forwarded-For", "198.51.100.1")
		r.Header.Set("Forwarded", "for=198.51.100.1")
		r.Header.Set("X-Real-IP", "198.51.100.1")
	}
	status, body := w.post(from(walkDesk), base+"/api/session", fmt.Sprintf(`{"invite":%q}`, token), func(r *http.Request) {
		r.Header.Set("Origin", base)
		made(r)
	})
	if status != http.StatusNoContent {
		w.t.Errorf("signing in: %d %s", status, body)
	}
	if said := w.sh("smokepopd agents sessions --extension 101 --json"); !strings.Contains(said, `"`+walkDesk+`"`) || strings.Contains(said, "198.51.100.1") {
		w.t.Errorf("the browser is not at %s:\n%s", walkDesk, said)
	}

	hooks := base
	if direct == base {
		hooks = strings.Replace(base, ":8443", ":8444", 1)
	}
	password, err := os.ReadFile("/etc/smokepop/credentials/webhook-password")
	if err != nil {
		w.t.Fatal(err)
	}
	for address, want := range map[string]int{walkPhones: http.StatusAccepted, walkDesk: http.StatusForbidden} {
		status, body := w.post(from(address), hooks+"/hooks/vodia/firm.example.com/newcall/101", `{"call_id":"from-`+address+`","from":"`+walkCaller+`","to":"101"}`, func(r *http.Request) {
			r.SetBasicAuth("vodia", strings.TrimSpace(string(password)))
			if address == walkDesk {
				r.Header.Set("X-Forwarded-For", walkPhones)
			}
		})
		if status != want {
			w.t.Errorf("a webhook from %s: %d %s, want %d", address, status, body, want)
		}
	}
	if w.way == "nginx" {
		if log := w.sh("cat /var/log/nginx/smokepop.log"); strings.Contains(log, "code=") || !strings.Contains(log, "/pair/callback\"") {
			w.t.Errorf("nginx' log has a code in it, or nothing:\n%s", log)
		}
	}
}

// headers are an answer's, without those that every server has of its own.
func (w *walker) headers(address string) http.Header {
	w.t.Helper()
	res, err := from(walkDesk).Get(address)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		w.t.Errorf("%s: %s", address, res.Status)
	}
	h := res.Header.Clone()
	for _, name := range []string{"Date", "Server", "Connection", "Alt-Svc", "Content-Length", "Etag", "X-Request-Id"} {
		h.Del(name)
	}
	return h
}

func (w *walker) post(c *http.Client, address, body string, change func(*http.Request)) (int, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	change(req)
	res, err := c.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	var out bytes.Buffer
	_, _ = out.ReadFrom(res.Body)
	return res.StatusCode, out.String()
}
