package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

// What is wrong with a secret, a key file or the database is told without it.
func TestNoSecretInWhatIsRefused(t *testing.T) {
	secret := rand.Text() + rand.Text()
	for name, c := range map[string]struct {
		settings func(map[string]any)
		text     func(string) string // changes the configuration's text
		files    map[string]string   // below etc
		env      string
	}{
		"a list":           {settings: func(m map[string]any) { setTenant(m, "smokeball", "client_secret", []string{secret}) }},
		"a section":        {settings: func(m map[string]any) { setTenant(m, "smokeball", "api_key", map[string]any{"key": secret}) }},
		"twice":            {settings: func(m map[string]any) { setTenant(m, "smokeball", "api_key", secret) }},
		"unknown key":      {settings: func(m map[string]any) { setTenant(m, "smokeball", "api_kee", secret) }},
		"for a section":    {settings: func(m map[string]any) { setTenant(m, "pbx", "webhook", secret) }},
		"for sign-in":      {settings: func(m map[string]any) { m["sign_in"] = map[string]any{"oidc": map[string]any{"client_secret": secret}} }},
		"for a duration":   {settings: func(m map[string]any) { setTenant(m, "smokeball", "refresh_token_lifetime", []string{secret}) }},
		"no YAML":          {text: func(s string) string { return s + "\nclient_secret: \"" + secret + "\n" }},
		"no YAML value":    {text: func(s string) string { return s + "\nclient_secret: " + secret + ": x\n" }},
		"a tab":            {text: func(s string) string { return s + "\n\tclient_secret: " + secret + "\n" }},
		"a tag":            {text: func(s string) string { return s + "\nclient_secret: !!int " + secret + "\n" }},
		"two lines":        {files: map[string]string{"api-key": secret + "\n" + secret + "\n"}},
		"zero byte":        {files: map[string]string{"client-secret": secret + "\x00"}},
		"blank":            {files: map[string]string{"client-secret": " " + secret + " "}},
		"key: no id":       {files: map[string]string{"smokepop.key": secret + "\n"}},
		"key: no base64":   {files: map[string]string{"smokepop.key": "0a1b2c3d " + secret + "!\n"}},
		"key: too long":    {files: map[string]string{"smokepop.key": "0a1b2c3d " + secret + secret + "\n"}},
		"key: as its id":   {files: map[string]string{"smokepop.key": secret + " 0a1b2c3d\n"}},
		"key: three words": {files: map[string]string{"smokepop.key": "0a1b2c3d " + secret + " " + secret + "\n"}},
		"environment":      {env: "SMOKEPOP_TENANTS_0_SMOKEBALL_CLIENT_SECRT=" + secret},
	} {
		t.Run(name, func(t *testing.T) {
			in := install(t, simulator.NewFirm(), nil, c.settings)
			etc := filepath.Join(in.dir, "etc")
			for file, text := range c.files {
				if err := os.Remove(filepath.Join(etc, file)); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(etc, file), []byte(text), 0o400); err != nil {
					t.Fatal(err)
				}
			}
			if c.text != nil {
				b, err := os.ReadFile(in.file)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(in.file, []byte(c.text(string(b))), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if c.env != "" {
				key, value, _ := strings.Cut(c.env, "=")
				t.Setenv(key, value)
			}
			found, out := newCanaries(), newEvidence()
			found.add("secret", secret)
			for _, args := range [][]string{{"check-config", "--config", in.file}, {"doctor", "--config", in.file}, {"doctor", "--json", "--config", in.file}, {"keys", "list", "--key-file", filepath.Join(etc, "smokepop.key")}} {
				r := command(t, args...)
				out.add(strings.Join(args[:2], " "), r.stdout+r.stderr)
			}
			if name != "blank" && name != "two lines" && name != "environment" { // which serve only warns of
				r := command(t, "serve", "--config", in.file)
				if r.code == exitOK || r.stderr == "" {
					t.Errorf("serve takes it: %d %s", r.code, r.stderr)
				}
				out.add("serve", r.stderr)
			}
			out.search(t, found)
		})
	}
}

// A database that is damaged in every page, cut short, emptied or no database
// at all is refused without a word of what is in it.
func TestNoSecretFromADamagedDatabase(t *testing.T) {
	w := newLeakWorld(t)
	w.serve()
	v := w.join(w.me.Extension)
	w.canaries.add("session cookie", v.cookie.Value)
	w.ask(v, "GET", w.callback(v), "")
	w.plantTokens()
	_ = w.cmd.Process.Kill()
	_ = w.cmd.Wait()
	file := filepath.Join(w.dir, "state", "smokepop.db")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func([]byte) []byte{
		"flipped": func(b []byte) []byte {
			for i := 40; i < len(b); i += 512 { // both of its heads as well
				b[i] ^= 0x10
			}
			return b
		},
		"cut":   func(b []byte) []byte { return b[:2*4096+100] }, // behind its heads
		"empty": func([]byte) []byte { return nil },
		"text":  func(b []byte) []byte { return []byte(strings.Repeat("no database ", len(b)/12)) },
	} {
		if err := os.WriteFile(file, damage(append([]byte(nil), whole...)), 0o600); err != nil {
			t.Fatal(err)
		}
		r := command(t, "serve", "--config", w.file)
		if r.code != exitFailed {
			t.Errorf("%s: exit code %d: %s", name, r.code, r.stderr)
		}
		w.out.add(name, r.stdout+r.stderr)
	}
	w.out.search(t, w.canaries)
}

// The runtime prints what a program dies of; a Secret is no exception to its
// own rule there.
func TestASecretInAFatalPanicIsRedacted(t *testing.T) {
	const canary = "canary-of-a-fatal-panic"
	if os.Getenv("SMOKEPOP_TEST_PANIC") != "" {
		panic(screenpop.Secret(canary))
	}
	r := again(t, "SMOKEPOP_TEST_PANIC=1")
	if r.code != 2 || !strings.Contains(r.stderr, "[redacted]") || strings.Contains(r.stdout+r.stderr, canary) {
		t.Errorf("exit code %d:\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// again runs the test that calls it in a process of its own.
func again(t *testing.T, env string) result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), env)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}
