package main

import (
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// accepts runs a program on a configuration of its own, where there is one. `make
// guide-test` has both in front of a daemon.
func accepts(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("not checked: there is no %s here. It is in the package %[1]s", program)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}

// example reads a file of deploy and puts it into dir with other paths in it.
func example(t *testing.T, dir, name string, paths ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(top, "deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(paths); i += 2 {
		if !strings.Contains(string(b), paths[i]) {
			t.Fatalf("%s has no %q", name, paths[i])
		}
	}
	file := filepath.Join(dir, filepath.Base(name))
	if err := os.WriteFile(file, []byte(strings.NewReplacer(paths...).Replace(string(b))), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestNginxTakesTheExample(t *testing.T) {
	dir, pair := t.TempDir(), certified(t)
	for name, block := range map[string]*pem.Block{"crt": {Type: "CERTIFICATE", Bytes: pair.cert}, "key": {Type: "PRIVATE KEY", Bytes: pair.key}} {
		if err := os.WriteFile(filepath.Join(dir, "pop.firm.example."+name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// -t binds the ports.
	file := example(t, dir, "nginx/smokepop.conf", "/etc/nginx/tls", dir, "/var/log/nginx", dir,
		"listen 80;", "listen unix:"+dir+"/80;", "listen [::]:80;", "", "listen 443 ssl;", "listen unix:"+dir+"/443 ssl;", "listen [::]:443 ssl;", "")
	whole := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(whole, []byte("pid "+dir+"/pid;\nevents {}\nhttp {\naccess_log off;\ninclude "+file+";\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	accepts(t, dir, "nginx", "-t", "-e", filepath.Join(dir, "error.log"), "-p", dir, "-c", whole)
}

func TestCaddyTakesTheExample(t *testing.T) {
	dir := t.TempDir()
	accepts(t, dir, "caddy", "validate", "--adapter", "caddyfile", "--config", example(t, dir, "caddy/Caddyfile", "127.0.0.1:8443", "127.0.0.1:18443"))
}
