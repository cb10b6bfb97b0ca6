package config

import (
	"encoding"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Print writes the effective configuration as YAML, every key in the order of
// the schema. A secret from a file shows as the file's name, another one as
// "[redacted]".
func Print(w io.Writer, cfg *Config) error {
	return write(w, printSection(schema(), reflect.ValueOf(*cfg)))
}

// PrintTenants writes what Print does of those tenants alone, and nothing that
// belongs to smokepop as a whole.
func PrintTenants(w io.Writer, cfg *Config, tenants []screenpop.Tenant) error {
	theirs := []Tenant{}
	for _, t := range cfg.Tenants {
		if slices.Contains(tenants, t.Domain) {
			theirs = append(theirs, t)
		}
	}
	k := schema().key("tenants")
	return write(w, &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{printText(k.name), printValue(k, reflect.ValueOf(theirs))}})
}

func write(w io.Writer, n *yaml.Node) error {
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return fmt.Errorf("print configuration: %w", err)
	}
	return enc.Close()
}

func printSection(k *key, v reflect.Value) *yaml.Node {
	out := &yaml.Node{Kind: yaml.MappingNode}
	for _, child := range k.keys {
		if child.kind == kindSecret && field(v, child.name+fileSuffix).String() != "" {
			continue
		}
		if twin := k.key(strings.TrimSuffix(child.name, fileSuffix)); twin != nil && twin.kind == kindSecret && twin != child && field(v, child.name).String() == "" {
			continue // the secret itself is shown
		}
		out.Content = append(out.Content, printText(child.name), printValue(child, field(v, child.name)))
	}
	return out
}

func printValue(k *key, v reflect.Value) *yaml.Node {
	switch k.kind {
	case kindSection:
		return printSection(k, v)
	case kindSections:
		out := &yaml.Node{Kind: yaml.SequenceNode}
		for i := range v.Len() {
			e := v.Index(i)
			if a, ok := e.Interface().(screenpop.Agent); ok {
				e = reflect.ValueOf(agentEntry{string(a.Extension), a.Name, a.Email, a.Groups})
			}
			out.Content = append(out.Content, printSection(k, e))
		}
		return out
	case kindScope:
		return printScope(v.Interface().(Scope))
	case kindDigitsList, kindNetworks:
		return printList(v)
	case kindBoolean:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tagBoolean, Value: strconv.FormatBool(v.Bool())}
	case kindInteger:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tagInteger, Value: strconv.FormatInt(v.Int(), 10)}
	case kindDecimal:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: strconv.FormatFloat(v.Float(), 'g', -1, 64)}
	}
	return printText(textOfValue(v.Interface()))
}

func textOfValue(v any) string {
	switch v := v.(type) {
	case time.Duration:
		return shortDuration(v)
	case slog.Level:
		return strings.ToLower(v.String())
	case encoding.TextMarshaler:
		b, err := v.MarshalText() // a secret's shows that it is one
		if err != nil {
			return ""
		}
		return string(b)
	}
	return fmt.Sprint(v)
}

// shortDuration leaves out the zero units that Go's form ends in.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func printScope(s Scope) *yaml.Node {
	if s.All {
		return printText(scopeAll)
	}
	return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
		printText("extensions"), printList(reflect.ValueOf(s.Extensions)),
		printText("groups"), printList(reflect.ValueOf(s.Groups)),
	}}
}

func printList(v reflect.Value) *yaml.Node {
	out := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for i := range v.Len() {
		out.Content = append(out.Content, printText(textOfValue(v.Index(i).Interface())))
	}
	return out
}

func printText(s string) *yaml.Node {
	n := new(yaml.Node)
	n.SetString(s)
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") != "" || s == "" {
		n.Style = yaml.DoubleQuotedStyle // nobody has to wonder what YAML makes of it
	}
	return n
}

// field returns the field of the struct v that holds the key name.
func field(v reflect.Value, name string) reflect.Value {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("mapstructure") == name {
			return v.Field(i)
		}
	}
	panic("config: no field for the key " + name)
}
