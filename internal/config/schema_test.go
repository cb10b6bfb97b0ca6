package config

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// walk calls visit for every key that holds a value, with its path in the form
// of the table.
func walk(k *key, path string, visit func(path string, k *key)) {
	for _, child := range k.keys {
		switch at := join(path, child.name); child.kind {
		case kindSection:
			walk(child, at, visit)
		case kindSections:
			walk(child, at+"[]", visit)
		default:
			visit(at, child)
		}
	}
}

func TestSchemaAndStructsAgree(t *testing.T) {
	var inSchema []string
	walk(schema(), "", func(path string, _ *key) { inSchema = append(inSchema, path) })
	inStructs := fields(reflect.TypeFor[Config](), "")
	slices.Sort(inSchema)
	slices.Sort(inStructs)
	if !slices.Equal(inSchema, inStructs) {
		t.Errorf("schema:  %v\nstructs: %v", inSchema, inStructs)
	}
}

func fields(typ reflect.Type, path string) []string {
	var out []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		name := f.Tag.Get("mapstructure")
		if name == "" || name == "-" {
			continue
		}
		at := join(path, name)
		switch {
		case name == "agents" && path == "tenants[]":
			out = append(out, fields(reflect.TypeFor[agentEntry](), at+"[]")...)
		case f.Type.Kind() == reflect.Slice && (f.Type.Elem() == reflect.TypeFor[Tenant]() || f.Type.Elem() == reflect.TypeFor[Admin]()):
			out = append(out, fields(f.Type.Elem(), at+"[]")...)
		case f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[Scope]():
			out = append(out, fields(f.Type, at)...)
		default:
			out = append(out, at)
		}
	}
	return out
}

func TestEveryKeyHasItsOwnVariable(t *testing.T) {
	seen := map[string]string{}
	walk(schema(), "", func(path string, _ *key) {
		name := strings.ToUpper(strings.NewReplacer("[]", "_0", ".", "_").Replace(path))
		if other, twice := seen[name]; twice {
			t.Errorf("%s and %s share the variable %s", path, other, name)
		}
		seen[name] = path
	})
	if len(seen) < 50 {
		t.Errorf("only %d keys", len(seen))
	}
}

// shown are the keys for which configs/smokepop.yaml shows something else than
// the default, and why.
var shown = map[string]string{
	"admins[].email":                 "required",
	"public_url":                     "required",
	"tls.cert_file":                  "the default addresses are on the network, where TLS is wanted",
	"tls.key_file":                   "the default addresses are on the network, where TLS is wanted",
	"tenants[].domain":               "required",
	"tenants[].smokeball.client_id":  "required",
	"tenants[].pbx.webhook.username": "webhooks from the network want a check",
	"tenants[].agents[].extension":   "an example",
	"tenants[].agents[].name":        "an example",
	"tenants[].agents[].email":       "an example",
	"tenants[].agents[].groups":      "an example",
}

// shownSecrets are the secrets that are required or wanted there.
var shownSecrets = []string{
	"tenants[].smokeball.client_secret_file", "tenants[].smokeball.api_key_file", "tenants[].pbx.webhook.password_file",
}

const exampleFile = "../../configs/smokepop.yaml"

func TestExampleLoads(t *testing.T) {
	dir := t.TempDir()
	putCertificate(t, dir)
	for _, name := range []string{"smokeball-client-secret", "smokeball-api-key", "webhook-password", "smokepop.key"} {
		put(t, dir, name, "canary\n")
	}
	cfg, err := Load(exampleFile, []string{"CREDENTIALS_DIRECTORY=" + dir})
	if err != nil {
		t.Fatal(err)
	}
	if w := cfg.Warnings(); len(w) != 0 {
		t.Errorf("warnings: %q", w)
	}
}

// TestExampleShowsEveryKeyWithItsDefault reads the example as plain YAML and
// compares it with the table.
func TestExampleShowsEveryKeyWithItsDefault(t *testing.T) {
	data, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	n, err := parse(data)
	if err != nil {
		t.Fatal(err)
	}
	f := newFindings()
	walk(schema(), "", func(path string, k *key) {
		node := find(n, path)
		if k.kind == kindSecret {
			if find(n, path+fileSuffix) == nil {
				t.Errorf("%s: neither it nor its file is shown", path)
			}
			return // the file's key is shown instead
		}
		if node == nil {
			t.Errorf("%s: is not shown", path)
			return
		}
		got := f.value(k, node, path)
		if isDefault := reflect.DeepEqual(got, k.value()); isDefault == (shown[path] != "" || slices.Contains(shownSecrets, path)) {
			t.Errorf("%s: shows %v, and the default is %v", path, got, k.value())
		}
	})
	if len(f.problems) > 0 {
		t.Error(f.problems)
	}
}

// TestExampleExplainsEveryKey holds that a comment stands at each key, or at
// the section it is in.
func TestExampleExplainsEveryKey(t *testing.T) {
	data, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	n, err := parse(data)
	if err != nil {
		t.Fatal(err)
	}
	walk(schema(), "", func(path string, k *key) {
		if k.kind == kindSecret {
			path += fileSuffix
		}
		for at := path; ; at = at[:strings.LastIndex(at, ".")] {
			if explained(n, at) {
				return
			}
			if !strings.Contains(at, ".") {
				t.Errorf("%s: no comment at it or above it", path)
				return
			}
		}
	})
}

// explained tells whether the key at path, or a sibling before it, is commented.
func explained(n *yaml.Node, path string) bool {
	parent, name := n, path
	if i := strings.LastIndex(path, "."); i >= 0 {
		parent, name = find(n, path[:i]), path[i+1:]
	}
	name = strings.TrimSuffix(name, "[]")
	before := false
	for i := 0; parent != nil && i+1 < len(parent.Content); i += 2 {
		before = before || parent.Content[i].HeadComment != "" || parent.HeadComment != ""
		if parent.Content[i].Value == name {
			return before
		}
	}
	return false
}

// find returns the node at a path of the table; of lists, the first element.
func find(n *yaml.Node, path string) *yaml.Node {
	for step := range strings.SplitSeq(path, ".") {
		name, list := strings.CutSuffix(step, "[]")
		var next *yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == name {
				next = n.Content[i+1]
			}
		}
		if list && next != nil {
			next = next.Content[0]
		}
		if n = next; n == nil {
			return nil
		}
	}
	return n
}

func TestExampleAgentsLoad(t *testing.T) {
	path, err := filepath.Abs("../../configs/agents.example.csv")
	if err != nil {
		t.Fatal(err)
	}
	cfg := mustLoad(t, minimal+"    agents_file: "+path+"\n")
	if agents := cfg.Tenants[0].Agents; len(agents) != 4 || agents[2].Name != "O'Neill, Dana" || agents[3].Extension != "0104" {
		t.Errorf("agents: %+v", agents)
	}
}

// putCertificate writes tls.crt and tls.key into dir.
func putCertificate(t *testing.T, dir string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	var crt, k bytes.Buffer
	if err := errors.Join(pem.Encode(&crt, &pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.Encode(&k, &pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "tls.crt", crt.String())
	put(t, dir, "tls.key", k.String())
}
