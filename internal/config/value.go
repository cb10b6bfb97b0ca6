package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// The YAML tags of scalars, and the tag of what has no type but text: settings
// from the environment and the defaults.
const (
	tagText    = "!!str"
	tagInteger = "!!int"
	tagDecimal = "!!float"
	tagBoolean = "!!bool"
	tagNull    = "!!null"
	tagUntyped = ""
)

// scalar reads a single value of kind k. What it returns has the type of the
// struct's field already, so that nothing is converted later. Errors say what
// to write, and never quote a secret.
func scalar(k kind, written, tag string) (any, error) {
	switch k {
	case kindText, kindFile, kindPath:
		return textOf(written, tag)
	case kindDigits:
		return digitsOf(written, tag)
	case kindSecret:
		s, err := digitsOf(written, tag)
		return screenpop.Secret(s), err
	case kindBoolean:
		if (tag == tagBoolean || tag == tagUntyped) && (written == "true" || written == "false") {
			return written == "true", nil
		}
		return nil, errors.New("must be true or false")
	case kindInteger:
		n, err := strconv.Atoi(written)
		if err != nil || tag != tagInteger && tag != tagUntyped {
			return nil, errors.New("must be a whole number")
		}
		return n, nil
	case kindDecimal:
		f, err := strconv.ParseFloat(written, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || tag != tagInteger && tag != tagDecimal && tag != tagUntyped {
			return nil, errors.New("must be a number")
		}
		return f, nil
	case kindDuration:
		d, err := time.ParseDuration(written)
		if err != nil {
			return nil, fmt.Errorf("must be a duration with its unit, such as 3s or 1m30s, not %s", quote(written))
		}
		return d, nil
	case kindPattern:
		s, err := textOf(written, tag)
		if err != nil {
			return nil, err
		}
		re, err := regexp.Compile(s)
		if err != nil {
			return nil, fmt.Errorf("is no regular expression (RE2): %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
		return re, nil
	case kindLevel:
		switch written {
		case "debug":
			return slog.LevelDebug, nil
		case "info":
			return slog.LevelInfo, nil
		case "warn":
			return slog.LevelWarn, nil
		case "error":
			return slog.LevelError, nil
		}
		return nil, fmt.Errorf("unknown level %s: use debug, info, warn or error", quote(written))
	case kindScope:
		if written == scopeAll {
			return Scope{All: true}, nil
		}
		return nil, errors.New("must be all, or a map of extensions and groups")
	}
	return nil, errors.New("must not be a single value")
}

const scopeAll = "all"

func textOf(written, tag string) (string, error) {
	if tag != tagText && tag != tagUntyped {
		return "", errors.New("must be text: put it in quotes")
	}
	return written, nil
}

var bareNumber = regexp.MustCompile(`^\+?[0-9]+$`)

// digitsOf takes a bare number exactly as it was written, leading zeros and
// all; YAML's other ways to write numbers would leave it open which is meant.
func digitsOf(written, tag string) (string, error) {
	if tag == tagInteger && !bareNumber.MatchString(written) || tag == tagDecimal {
		return "", errors.New("is read as a number and would not stay as it is written: put it in quotes")
	}
	if tag == tagInteger {
		return written, nil
	}
	return textOf(written, tag)
}

// list makes a list of kind k of its elements, each read by element. An element
// that was refused is nil.
func list(k kind, elements []any) any {
	if k == kindNetworks {
		networks := []netip.Prefix{}
		for _, e := range elements {
			if p, ok := e.(netip.Prefix); ok {
				networks = append(networks, p)
			}
		}
		return networks
	}
	texts := []string{}
	for _, e := range elements {
		if s, ok := e.(string); ok {
			texts = append(texts, s)
		}
	}
	return texts
}

// element reads one value of a list of kind k.
func element(k kind, written, tag string) (any, error) {
	if k != kindNetworks {
		return scalar(kindDigits, written, tag)
	}
	s, err := textOf(written, tag)
	if err != nil {
		return nil, err
	}
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4In6() {
		return nil, fmt.Errorf("%s is no network: write 10.0.0.0/8 or a single address", quote(s))
	}
	if p != p.Masked() {
		return nil, fmt.Errorf("%s is an address and a network in one: write %s for the network or %s for the address",
			quote(s), p.Masked(), p.Addr())
	}
	return p, nil
}

// isList tells whether k holds a list of plain values.
func (k kind) isList() bool { return k == kindDigitsList || k == kindNetworks }

// value returns the default of the key, typed like its field.
func (k *key) value() any {
	if k.kind.isList() {
		var elements []any
		for _, s := range splitList(k.standard) {
			e, err := element(k.kind, s, tagUntyped)
			if err != nil {
				panic("config: default of " + k.name + ": " + err.Error()) // the table is ours; a test reads all of it
			}
			elements = append(elements, e)
		}
		return list(k.kind, elements)
	}
	v, err := scalar(k.kind, k.standard, tagUntyped)
	if err != nil {
		panic("config: default of " + k.name + ": " + err.Error())
	}
	return v
}

// splitList reads a list written with commas.
func splitList(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
