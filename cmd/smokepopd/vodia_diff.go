package main

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"unicode"

	"github.com/smokepop/smokepop/internal/vodia"
)

// printChanges prints what would change. Of changes that are the same but for
// the extension in the address the first is shown, and where else it is made: a
// firm has hundreds of accounts.
func printChanges(w io.Writer, t vodia.Template, changes []vodia.Change) {
	type group struct {
		shown string
		more  []string
	}
	var order []*group
	alike := map[string]*group{}
	for _, ch := range changes {
		var b strings.Builder
		printChange(&b, t, ch)
		key := b.String()
		if account := string(ch.Level); account != "" {
			key = strings.NewReplacer(" "+ch.Level.String()+" ", " account ", "/"+account+"\n", "/\n", "/"+account+"?", "/?").Replace(key)
		}
		if g := alike[key]; g != nil {
			g.more = append(g.more, string(ch.Level))
			continue
		}
		g := &group{shown: b.String()}
		alike[key], order = g, append(order, g)
	}
	for _, g := range order {
		fmt.Fprint(w, g.shown)
		if len(g.more) > 0 {
			fmt.Fprintf(w, "    and the same, each with its own extension, on the accounts %s\n", strings.Join(g.more, ", "))
		}
	}
}

// printChange prints a change as a unified difference of the form's fields.
// Secrets are masked; of a webhook that is not ours only its place is shown, as
// whatever else it holds may be a secret of somebody's.
func printChange(w io.Writer, t vodia.Template, ch vodia.Change) {
	before, after := fieldsOf(t, ch.Before), fieldsOf(t, ch.After)
	fmt.Fprintf(w, "--- %s %s%s\n+++ %s %s%s\n", ch.Level, ch.Setting, unset(ch.Before), ch.Level, ch.Setting, unset(ch.After))
	for i, name := range formFields {
		was, is := before[i], after[i]
		switch {
		case was == is && is != "":
			fmt.Fprintf(w, " %-9s %s\n", name, is)
		case was != is:
			if was != "" {
				fmt.Fprintf(w, "-%-9s %s\n", name, was)
			}
			if is != "" {
				fmt.Fprintf(w, "+%-9s %s\n", name, is)
			}
		}
	}
}

func unset(h vodia.Hook) string {
	if h.Set() {
		return ""
	}
	return " (not set)"
}

// formFields are a webhook's fields in the order of the PBX's form.
var formFields = [...]string{"method", "url", "auth", "user", "password", "headers", "encoding", "body"}

func fieldsOf(t vodia.Template, h vodia.Hook) [len(formFields)]string {
	const hidden = "********"
	if !h.Set() {
		return [len(formFields)]string{}
	}
	f := [len(formFields)]string{h.Method, h.URL, h.Auth, h.User, "", h.Headers, h.Encoding, h.Body}
	if h.Password != "" {
		f[4] = hidden
	}
	if f[5] != "" {
		f[5] = headerNames(h.Headers)
	}
	if !t.Mine(h) {
		f[1], f[3], f[7] = placeOf(h.URL), "", ""
		if h.User != "" {
			f[3] = "(set)"
		}
		if h.Body != "" {
			f[7] = "(set)"
		}
	}
	for i := range f {
		f[i] = printableText(f[i])
	}
	return f
}

// headerNames shows headers without their values.
func headerNames(headers string) string {
	var out []string
	for line := range strings.Lines(headers) {
		if name, _, ok := strings.Cut(line, ":"); ok {
			out = append(out, strings.TrimSpace(name)+": ********")
		}
	}
	return strings.Join(out, ", ")
}

// placeOf is an address without what may be a secret in it.
func placeOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "(an address that cannot be read)"
	}
	return u.Scheme + "://" + u.Host + "/..."
}

// printableText takes out what would play tricks on a terminal.
func printableText(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
