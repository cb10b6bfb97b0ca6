package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// tree is a section as it was written: typed values, trees, and lists of trees.
// Keys that were not written are not there.
type tree map[string]any

// parse reads data as one YAML document; nil stands for an empty one.
func parse(data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, syntaxError(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, syntaxError(err)
		}
		return nil, errors.New("holds more than one YAML document")
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	return doc.Content[0], nil
}

// syntaxError is a YAML error without what it quotes: a password that begins
// with * is an unknown anchor to YAML.
func syntaxError(err error) error {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if strings.HasPrefix(message, "unknown anchor") || strings.Contains(message, "alphabetic or numeric character") {
		return errors.New(`is no YAML: a text that begins with * or & needs quotes, for example star_prefixes: ["*"]`)
	}
	return fmt.Errorf("is no YAML: %s", message)
}

// section reads n as the section k at path.
func (f *findings) section(k *key, n *yaml.Node, path string) tree {
	out := tree{}
	if isNull(n) {
		return out
	}
	if n.Kind != yaml.MappingNode {
		f.problem(path, "must be a map with the keys %s", k.names())
		return out
	}
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		at := join(path, keyName(name))
		if line, twice := first[name.Value]; twice {
			f.oddity(at, "stands twice, in lines %d and %d: keep one", line, name.Line)
			continue
		}
		first[name.Value] = name.Line
		switch child := k.key(name.Value); {
		case name.ShortTag() == "!!merge" || name.Kind == yaml.AliasNode:
			f.oddity(at, "merge keys and aliases are not supported (line %d): write the keys out", name.Line)
		case name.Kind != yaml.ScalarNode || child == nil:
			f.oddity(at, "unknown key (line %d): the keys here are %s", name.Line, k.names())
		default:
			if v := f.value(child, value, at); v != nil {
				out[child.name] = v
			}
		}
	}
	return out
}

// value reads n as the value of k; nil when it is not there or refused.
func (f *findings) value(k *key, n *yaml.Node, path string) any {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		f.problem(path, "anchors and aliases are not supported (line %d): write the value out, in quotes where it begins with * or &", n.Line)
		return nil
	}
	switch {
	case k.kind == kindSection:
		return f.section(k, n, path)
	case k.kind == kindSections:
		return f.sections(k, n, path)
	case k.kind.isList():
		if isNull(n) {
			return nil
		}
		return f.list(k.kind, n, path)
	case k.kind == kindScope && n.Kind == yaml.MappingNode:
		return f.scope(n, path)
	case isNull(n):
		f.problem(path, "has no value: give one or remove the line")
		return nil
	}
	if n.Kind != yaml.ScalarNode && k.kind != kindScope {
		f.problem(path, "must be a single value")
		return nil
	}
	v, err := scalar(k.kind, n.Value, n.ShortTag())
	if err != nil {
		f.problem(path, "%s", err)
		return nil
	}
	return v
}

func (f *findings) sections(k *key, n *yaml.Node, path string) any {
	if isNull(n) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		f.problem(path, "must be a list: begin each of its elements with a dash")
		return nil
	}
	out := make([]tree, len(n.Content))
	for i, e := range n.Content {
		at := index(path, i)
		out[i] = tree{}
		if e.Kind == yaml.AliasNode || e.Anchor != "" {
			f.problem(at, "anchors and aliases are not supported (line %d): write the keys out", e.Line)
			continue
		}
		out[i] = f.section(k, e, at)
	}
	return out
}

func (f *findings) list(k kind, n *yaml.Node, path string) any {
	if n.Kind != yaml.SequenceNode {
		f.problem(path, "must be a list: write it in square brackets")
		return nil
	}
	elements := make([]any, len(n.Content))
	for i, e := range n.Content {
		at := index(path, i)
		switch {
		case e.Kind == yaml.AliasNode || e.Anchor != "":
			f.problem(at, "anchors and aliases are not supported: put the text in quotes")
		case e.Kind != yaml.ScalarNode || isNull(e):
			f.problem(at, "must be a single value")
		default:
			v, err := element(k, e.Value, e.ShortTag())
			if err != nil {
				f.problem(at, "%s", err)
				continue
			}
			elements[i] = v
		}
	}
	return list(k, elements)
}

// scopeKeys are the keys of a scope that is not all.
func scopeKeys() *key {
	return &key{keys: []*key{{name: "extensions", kind: kindDigitsList}, {name: "groups", kind: kindDigitsList}}}
}

func (f *findings) scope(n *yaml.Node, path string) any {
	t := f.section(scopeKeys(), n, path)
	var s Scope
	s.Extensions, _ = t["extensions"].([]string)
	s.Groups, _ = t["groups"].([]string)
	return s
}

func isNull(n *yaml.Node) bool {
	return n == nil || n.Kind == yaml.ScalarNode && n.ShortTag() == tagNull
}

func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,60}$`)

// keyName is a key as problems name it; one that is not a plain word is quoted.
func keyName(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode && n.Kind != yaml.AliasNode {
		return "?"
	}
	if plainKey.MatchString(n.Value) {
		return n.Value
	}
	return quote(n.Value)
}
