package main

import (
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/vault"
)

// credentials makes a directory of secrets with every name that the documents
// and the units use, and returns the environment that leads there.
func credentials(t *testing.T, texts ...string) []string {
	t.Helper()
	dir := t.TempDir()
	if err := vault.GenerateKey(filepath.Join(dir, "smokepop.key")); err != nil {
		t.Fatal(err)
	}
	pair := certified(t)
	named := regexp.MustCompile(`\$\{CREDENTIALS_DIRECTORY\}/([a-z.-]+)`)
	for _, text := range texts {
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			if m[1] == "smokepop.key" {
				continue
			}
			content := "secret\n"
			switch m[1] {
			case "otlp-headers":
				content = "Authorization: Bearer secret\n"
			case "tls.crt":
				content = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.cert}))
			case "tls.key":
				content = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pair.key}))
			}
			if err := os.WriteFile(filepath.Join(dir, m[1]), []byte(content), 0o400); err != nil && !os.IsPermission(err) {
				t.Fatal(err)
			}
		}
	}
	return []string{"CREDENTIALS_DIRECTORY=" + dir}
}

// merged puts over on base, key by key; a list of tenants by its first one.
func merged(base, over map[string]any) map[string]any {
	out := maps.Clone(base)
	for k, v := range over {
		a, _ := out[k].(map[string]any)
		b, _ := v.(map[string]any)
		if a != nil && b != nil {
			v = merged(a, b)
		}
		out[k] = v
	}
	return out
}

func parsed(t *testing.T, text string) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return doc
}

// Every piece of configuration in the documents is one that smokepop takes:
// whole ones as they are, pieces within a whole one, indented ones at the tenant.
func TestConfigurationsInTheDocumentsLoad(t *testing.T) {
	all := documents(t)
	var whole string
	var texts []string
	for _, d := range all {
		texts = append(texts, d.text)
		for _, b := range d.blocks {
			if whole == "" && strings.HasPrefix(b.info, "yaml") && strings.Contains(b.text, "\ntenants:") {
				whole = b.text
			}
		}
	}
	if whole == "" {
		t.Fatal("no document has a whole configuration")
	}
	env := credentials(t, texts...)
	looked := 0
	for _, d := range all {
		for _, b := range d.blocks {
			if !strings.HasPrefix(b.info, "yaml") {
				continue
			}
			doc := parsed(t, b.text)
			if doc["scrape_configs"] != nil { // Prometheus' own
				continue
			}
			looked++
			switch base := parsed(t, whole); {
			case strings.HasPrefix(b.text, " "):
				tenant := base["tenants"].([]any)[0].(map[string]any)
				base["tenants"] = []any{merged(tenant, doc)}
				doc = base
			case doc["tenants"] == nil:
				doc = merged(base, doc)
			}
			out, err := yaml.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "smokepop.yaml")
			if err := os.WriteFile(file, out, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := config.Load(file, env); err != nil {
				t.Errorf("%s:%d: %v\n%s", d.name, b.line, err, b.text)
			}
		}
	}
	if looked < 7 {
		t.Errorf("only %d pieces of configuration were looked at", looked)
	}
}

// keyPaths are the paths of every key, from the file that has them all.
func keyPaths(t *testing.T) (paths []string, sections map[string]bool) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(top, "configs/smokepop.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	sections = map[string]bool{}
	var walk func(prefix string, v any)
	walk = func(prefix string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, child := range v {
				path := prefix + "." + k
				paths = append(paths, path)
				if _, ok := child.(map[string]any); ok {
					sections[k] = true
				}
				walk(path, child)
			}
		case []any:
			for _, child := range v {
				walk(prefix, child)
			}
		}
	}
	walk("", parsed(t, string(b)))
	return paths, sections
}

var (
	keyPath = regexp.MustCompile(`^([a-z_]+)(\.[a-z_]+)+$`)
	// notKeys look like keys and are files and names of the log.
	notKeys = regexp.MustCompile(`\.(key|crt|yaml|md|conf|service|socket|db|js|html|css|json|sh|d|event|sealed|csv|firm|com|example)$`)
	// listed are keys that the file shows as a value, not as a section.
	listed = []string{".scope.extensions", ".scope.groups"}
)

// Every key that a sentence names is one that there is.
func TestKeysInTheDocumentsExist(t *testing.T) {
	paths, sections := keyPaths(t)
	paths = append(paths, listed...)
	sections["scope"] = true
	looked := 0
	for _, d := range documents(t) {
		for _, m := range inline.FindAllStringSubmatch(d.prose(), -1) {
			name, _, _ := strings.Cut(m[1], ":")
			first := keyPath.FindStringSubmatch(name)
			if first == nil || !sections[first[1]] || notKeys.MatchString(name) {
				continue
			}
			looked++
			found := false
			for _, p := range paths {
				found = found || strings.HasSuffix(p, "."+name)
			}
			if !found {
				t.Errorf("%s names %s, which is no key", d.name, name)
			}
		}
	}
	if looked < 40 {
		t.Errorf("only %d keys were looked at", looked)
	}
}
