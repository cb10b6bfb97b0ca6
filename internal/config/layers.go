package config

import (
	"fmt"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
)

// layered fills out, the struct of section k, from the defaults, the file's
// tree and the environment, the later winning. Lists of sections are left to
// the caller: viper knows no defaults and no variables inside lists.
//
// All layers hold values of the fields' own types, so mapstructure may convert
// nothing, and a key without a field is an error of ours that a test finds.
func (l *loader) layered(k *key, t tree, at, path string, out any) {
	v := viper.New()
	for name, value := range leaves(k, "", func(k *key) any { return k.value() }) {
		v.SetDefault(name, value)
	}
	if err := v.MergeConfigMap(plain(k, t)); err != nil {
		l.problem(path, "%s", err)
		return
	}
	l.settings(k, at, path, func(steps []string, value any) { v.Set(strings.Join(steps, "."), value) })
	strict := func(c *mapstructure.DecoderConfig) {
		c.DecodeHook = nil
		c.WeaklyTypedInput = false
	}
	if err := v.UnmarshalExact(out, strict); err != nil {
		panic(fmt.Sprintf("config: the schema and the structs differ: %v", err))
	}
}

// leaves maps the dotted names of the single keys of k to what of says.
func leaves(k *key, path string, of func(*key) any) map[string]any {
	out := map[string]any{}
	for _, child := range k.keys {
		switch child.kind {
		case kindSections:
		case kindSection:
			for name, value := range leaves(child, join(path, child.name), of) {
				out[name] = value
			}
		default:
			out[join(path, child.name)] = of(child)
		}
	}
	return out
}

// plain is t as viper takes it, without the lists of sections.
func plain(k *key, t tree) map[string]any {
	out := map[string]any{}
	for name, value := range t {
		switch sub, isTree := value.(tree); {
		case k.key(name).kind == kindSections:
		case isTree:
			out[name] = plain(k.key(name), sub)
		default:
			out[name] = value
		}
	}
	return out
}
