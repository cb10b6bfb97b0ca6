package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzLoad holds of every document: it is refused with problems that each have
// a path and one line of text, or it loads, can be printed without its secrets,
// and what was printed is YAML of the schema again.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte(whole))
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, exampleFile) {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	const canary = "canary-in-a-file"
	f.Fuzz(func(t *testing.T, data []byte) {
		l := &loader{
			findings: newFindings(), path: "smokepop.yaml", dir: "/nowhere", env: newEnvironment([]string{"CREDENTIALS_DIRECTORY=/nowhere"}),
			read: func(string, int64) ([]byte, error) { return []byte(canary), nil },
		}
		cfg := l.load(data)
		if len(l.problems) > 0 {
			for _, p := range l.problems {
				if p.Path == "" || p.Text == "" || strings.ContainsAny(p.String(), "\n\r") {
					t.Errorf("problem %q", p)
				}
				if strings.Contains(p.Text, canary) && !strings.HasSuffix(p.Path, "agents_file") {
					t.Errorf("told a secret: %q", p)
				}
			}
			return
		}
		if len(cfg.Tenants) == 0 || cfg.PublicURL == "" || cfg.EncryptionKeyFile == "" {
			t.Errorf("accepted: %+v", cfg)
		}
		var out bytes.Buffer
		if err := Print(&out, cfg); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(out.Bytes(), []byte(canary)) {
			t.Errorf("printed a secret:\n%s", out.Bytes())
		}
		again := newFindings()
		n, err := parse(out.Bytes())
		if err != nil {
			t.Fatalf("%v\n%s", err, out.Bytes())
		}
		if again.section(schema(), n, ""); len(again.problems) > 0 {
			t.Errorf("%v\n%s", again.problems, out.Bytes())
		}
	})
}

// FuzzAgents holds of every agents file that its agents have an extension each,
// no two the same.
func FuzzAgents(f *testing.F) {
	for _, file := range []string{"testdata/bad/bad.csv", "testdata/bad/semicolons.csv", "../../configs/agents.example.csv"} {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &agentSheet{l: &loader{findings: newFindings()}, path: "agents_file", name: "a.csv"}
		seen := map[string]bool{}
		for _, a := range s.read(data) {
			e := string(a.Extension)
			if !extensionShape.MatchString(e) || seen[e] {
				t.Errorf("extension %q", e)
			}
			seen[e] = true
			if s.found == 0 && a.Email != "" && !isEmail(a.Email) {
				t.Errorf("e-mail %q", a.Email)
			}
		}
		if len(s.l.problems) > mostSheetProblems {
			t.Errorf("%d problems", len(s.l.problems))
		}
	})
}
