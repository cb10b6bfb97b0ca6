package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Changed names the keys whose values are others in after than in before, in the
// order of the schema. Tenants are told apart by their domains, and one that is
// new or gone is named as a whole, like the list of a tenant's agents. Values are
// not in it: where a secret has changed, or the file it is read from, its key is
// named.
func Changed(before, after *Config) (keys []string) {
	for _, k := range schema().keys {
		if k.name != "tenants" {
			keys = append(keys, changed(k, k.name, field(reflect.ValueOf(*before), k.name), field(reflect.ValueOf(*after), k.name))...)
			continue
		}
		for _, t := range after.Tenants {
			path := tenantPath(t)
			i := slices.IndexFunc(before.Tenants, func(b Tenant) bool { return b.Domain == t.Domain })
			if i < 0 {
				keys = append(keys, path)
				continue
			}
			for _, child := range k.keys {
				keys = append(keys, changed(child, join(path, child.name), field(reflect.ValueOf(before.Tenants[i]), child.name), field(reflect.ValueOf(t), child.name))...)
			}
		}
		for _, t := range before.Tenants {
			if !slices.ContainsFunc(after.Tenants, func(a Tenant) bool { return a.Domain == t.Domain }) {
				keys = append(keys, tenantPath(t))
			}
		}
	}
	return keys
}

func tenantPath(t Tenant) string { return fmt.Sprintf("tenants[%s]", t.Domain) }

func changed(k *key, path string, before, after reflect.Value) (keys []string) {
	if k.kind == kindSection {
		for _, child := range k.keys {
			keys = append(keys, changed(child, join(path, child.name), field(before, child.name), field(after, child.name))...)
		}
		return keys
	}
	if same(k, before, after) {
		return nil
	}
	return []string{path}
}

func same(k *key, before, after reflect.Value) bool {
	switch k.kind {
	case kindSecret:
		return before.Interface().(screenpop.Secret).Reveal() == after.Interface().(screenpop.Secret).Reveal()
	case kindPattern: // of a compiled one only what was written counts
		return fmt.Sprint(before.Interface()) == fmt.Sprint(after.Interface())
	case kindDigitsList, kindNetworks: // no list and an empty one are the same
		return before.Len() == 0 && after.Len() == 0 || reflect.DeepEqual(before.Interface(), after.Interface())
	}
	return reflect.DeepEqual(before.Interface(), after.Interface())
}

// Fingerprint is 16 hex digits that are the same for the same configuration.
// Secrets have no part in it: whoever reads it can guess none.
func Fingerprint(cfg *Config) string {
	all := sha256.New()
	digest(all, printSection(schema(), reflect.ValueOf(*cfg)))
	return hex.EncodeToString(all.Sum(nil)[:8])
}

// digest adds what Print would write. Writing it as YAML takes ten times as
// long, at a start with thousands of agents.
func digest(h hash.Hash, n *yaml.Node) {
	fmt.Fprintf(h, "%d %d %d ", n.Kind, len(n.Content), len(n.Value))
	_, _ = io.WriteString(h, n.Value) // a hash takes it all
	for _, c := range n.Content {
		digest(h, c)
	}
}
