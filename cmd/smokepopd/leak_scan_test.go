package main

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// window is how much of a secret has to show for a leak: a part of that length
// is enough, wherever in the secret it lies.
const window = 16

// canaries are secrets that must not be found anywhere, by what they are.
type canaries struct {
	kinds   map[string]string // a secret's kind
	windows map[string]string // a part of a form of a secret, and the secret
	short   map[string]string // whole forms that are shorter than a window
}

func newCanaries() *canaries {
	return &canaries{kinds: map[string]string{}, windows: map[string]string{}, short: map[string]string{}}
}

// add plants a secret: its windows are looked for in every form from now on.
func (c *canaries) add(kind string, secrets ...string) {
	for _, secret := range secrets {
		if secret == "" || c.kinds[secret] != "" {
			continue
		}
		c.kinds[secret] = kind
		for _, form := range forms(secret) {
			if len(form) < window {
				c.short[form] = secret
			}
			for i := 0; i+window <= len(form); i++ {
				c.windows[form[i:i+window]] = secret
			}
		}
	}
}

// forms are the ways a text comes out of logs, pages, URLs and dumps.
func forms(secret string) []string {
	inJSON, _ := json.Marshal(secret)
	var plainJSON bytes.Buffer
	enc := json.NewEncoder(&plainJSON)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(secret)
	raw := []byte(secret)
	list := []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), url.QueryEscape(url.QueryEscape(secret)), html.EscapeString(secret),
		strings.Trim(string(inJSON), `"`), strings.Trim(strings.TrimSpace(plainJSON.String()), `"`),
		strings.Trim(strconv.Quote(secret), `"`), strings.Trim(strconv.QuoteToASCII(secret), `"`),
		hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)), fmt.Sprintf("% x", raw), strings.Trim(fmt.Sprint(raw), "[]"),
		strings.ReplaceAll(strings.Trim(fmt.Sprint(raw), "[]"), " ", ","), base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw),
	}
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for shift := range 3 { // behind so many other bytes
			text := enc.EncodeToString(append(make([]byte, shift), raw...))
			first, last := (shift*8+5)/6, len(text)
			if (shift+len(raw))%3 != 0 {
				last-- // shares its bits with what follows
			}
			list = append(list, text[first:last])
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// find returns the kinds of secrets of which a part is in text, each with its
// place; excepted kinds may be there.
func (c *canaries) find(text string, excepted ...string) []string {
	found := map[string]string{}
	hit := func(secret string, at int) {
		if kind := c.kinds[secret]; !slices.Contains(excepted, kind) && found[kind] == "" {
			found[kind] = fmt.Sprintf("%s in %q", kind, text[max(0, at-80):min(len(text), at+80)])
		}
	}
	for i := 0; i+window <= len(text); i++ {
		if secret, ok := c.windows[text[i:i+window]]; ok {
			hit(secret, i)
		}
	}
	for form, secret := range c.short {
		if i := strings.Index(text, form); i >= 0 {
			hit(secret, i)
		}
	}
	return slices.Sorted(maps.Values(found))
}

// evidence is everything that has come out, by where.
type evidence struct {
	texts map[string]*strings.Builder
	may   map[string][]string // kinds of secrets that belong there
}

func newEvidence() *evidence {
	return &evidence{texts: map[string]*strings.Builder{}, may: map[string][]string{}}
}

func (e *evidence) add(where, text string, may ...string) {
	if e.texts[where] == nil {
		e.texts[where] = &strings.Builder{}
	}
	e.may[where] = append(e.may[where], may...)
	e.texts[where].WriteString(text)
	e.texts[where].WriteByte('\n')
}

// search reports every canary that is where it does not belong.
func (e *evidence) search(t testing.TB, c *canaries) {
	t.Helper()
	total := 0
	for _, where := range slices.Sorted(maps.Keys(e.texts)) {
		text := e.texts[where].String()
		total += len(text)
		for _, leak := range c.find(text, e.may[where]...) {
			t.Errorf("%s: %s", where, leak)
		}
	}
	t.Logf("%d secrets looked for in %d bytes of %d places", len(c.kinds), total, len(e.texts))
}

// The control: a writer that leaks, in every form and anywhere in its output,
// is caught; what only resembles a secret is not.
func TestTheSearchFindsWhatLeaks(t *testing.T) {
	const secret = `k7+Q/canary="of&many<kinds>\of%characters`
	c := newCanaries()
	c.add("secret", secret)
	c.add("number", "617-555-0188", "5550188")
	leaks := map[string]string{
		"plain":       "level=INFO token=" + secret + " more",
		"a part":      "token=" + secret[5:5+window] + "...",
		"basic":       "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("client:"+secret)),
		"basic, 1 on": base64.StdEncoding.EncodeToString([]byte("client1:" + secret + "x")),
		"basic, 2 on": base64.URLEncoding.EncodeToString([]byte("client12:" + secret + "xy")),
		"form":        url.Values{"a": {"b"}, "token": {secret}}.Encode(),
		"form twice":  url.Values{"form": {url.Values{"token": {secret}}.Encode()}}.Encode(),
		"bytes":       fmt.Sprint([]byte(secret)),
		"hex":         fmt.Sprintf("%x", secret),
		"HEX":         fmt.Sprintf("%X", secret),
		"dump":        fmt.Sprintf("% x", secret),
		"quoted":      fmt.Sprintf("%q", secret),
		"go syntax":   fmt.Sprintf("%#v", struct{ S string }{secret}),
		"page":        html.EscapeString("<" + secret + ">"),
		"number":      `{"number":"+1 617-555-0188"}`,
		"digits":      "16175550188",
	}
	inJSON, err := json.Marshal(map[string]string{"error_description": secret})
	if err != nil {
		t.Fatal(err)
	}
	leaks["JSON"] = string(inJSON)
	for name, text := range leaks {
		for _, before := range []string{"", "x", strings.Repeat("filler ", 1000)} {
			var out strings.Builder
			if _, err := io.WriteString(&out, before+text+before); err != nil {
				t.Fatal(err)
			}
			if len(c.find(out.String())) == 0 {
				t.Errorf("%s: not found in %q", name, text)
			}
		}
	}
	for _, innocent := range []string{"", "[redacted]", "*******88", "client_id=app", `k7+Q/canary="of`, strings.Repeat("A", 1000)} {
		if found := c.find(innocent); len(found) != 0 {
			t.Errorf("%q: %v", innocent, found)
		}
	}
	if found := c.find(leaks["plain"], "secret"); len(found) != 0 {
		t.Errorf("where it belongs: %v", found)
	}
}
