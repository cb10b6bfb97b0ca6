package architecture

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const unitsDir = "../../deploy/systemd"

// units are the unit files and the examples of drop-ins.
func units(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.service", "*.socket", "examples/*.conf", "../cluster/*.service"} {
		found, err := filepath.Glob(filepath.Join(unitsDir, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		all = append(all, found...)
	}
	return all
}

// An admin reads why a line is there before taking it out.
func TestEveryLineOfAUnitHasItsReason(t *testing.T) {
	for _, file := range units(t) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		reason, before := false, ""
		for i, line := range strings.Split(string(b), "\n") {
			key, _, setting := strings.Cut(line, "=")
			switch {
			case strings.HasPrefix(line, "#"):
				reason = true
			case line == "" || strings.HasPrefix(line, "["):
				reason, before = false, ""
			case !setting:
				t.Errorf("%s:%d: %q", file, i+1, line)
			// Lines of one kind share a reason: LoadCredential=, NoExecPaths= and ExecPaths=.
			case !reason && (before == "" || !strings.HasSuffix(before, key)):
				t.Errorf("%s:%d: %s has no reason", file, i+1, key)
			default:
				reason, before = false, key
			}
		}
	}
}

// installed copies the units, with drop-ins, and a program where they name one.
func installed(t *testing.T, dropIns ...string) string {
	t.Helper()
	dir := t.TempDir()
	put := func(from, to string) {
		b, err := os.ReadFile(filepath.Join(unitsDir, from))
		if err != nil {
			t.Fatal(err)
		}
		b = bytes.ReplaceAll(b, []byte("/usr/local/bin/smokepopd"), []byte("/bin/true"))
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, to)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("smokepop.service", "smokepop.service")
	put("smokepop.socket", "smokepop.socket")
	for _, d := range dropIns {
		put("examples/"+d, dropInOf(t, d)+"/"+d)
	}
	return dir
}

// dropInOf returns the directory that an example says it is installed in.
func dropInOf(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(unitsDir, "examples", name))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"smokepop.service.d", "smokepop.socket.d"} {
		if strings.HasPrefix(string(b), "# Installed as /etc/systemd/system/"+d+"/"+name) {
			return d
		}
	}
	t.Fatalf("%s does not say where it is installed", name)
	return ""
}

func systemdAnalyze(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("not checked: there is no systemd-analyze here. It is in the package systemd")
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// systemd finds nothing wrong with the units, as they are and with each example.
func TestSystemdVerifiesTheUnits(t *testing.T) {
	sets := [][]string{{}}
	for _, f := range units(t) {
		if filepath.Ext(f) == ".conf" {
			sets = append(sets, []string{filepath.Base(f)})
		}
	}
	for _, dropIns := range sets {
		t.Run(strings.Join(append([]string{"with"}, dropIns...), " "), func(t *testing.T) {
			dir := installed(t, dropIns...)
			if out, err := systemdAnalyze(t, dir, "verify", "--man=no", "./smokepop.service", "./smokepop.socket"); err != nil || out != "" {
				t.Errorf("%v: %s", err, out)
			}
			// 12 of 100 is what the tool prints as 1.2; lower is better.
			if out, err := systemdAnalyze(t, dir, "security", "--offline=yes", "--threshold=12", "./smokepop.service"); err != nil {
				lines := strings.Split(strings.TrimSpace(out), "\n")
				t.Errorf("%v: %s", err, lines[len(lines)-1])
			}
		})
	}
}

// The unit of a cluster's NATS servers is as sound.
func TestSystemdVerifiesTheNATSUnit(t *testing.T) {
	b, err := os.ReadFile("../../deploy/cluster/nats-server.service")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	b = bytes.ReplaceAll(b, []byte("/usr/local/bin/nats-server"), []byte("/bin/true"))
	if err := os.WriteFile(filepath.Join(dir, "nats-server.service"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := systemdAnalyze(t, dir, "verify", "--man=no", "./nats-server.service"); err != nil || out != "" {
		t.Errorf("%v: %s", err, out)
	}
}
