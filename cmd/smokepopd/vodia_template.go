package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/vodia"
)

// anyExtension stands in an account's address until its number is put there.
const anyExtension = "EXTENSION"

const (
	levelTenant  = "tenant"
	levelAccount = "account"
)

// printedHook is a webhook as the PBX's form has it.
type printedHook struct {
	Level     string `json:"level"`
	Extension string `json:"extension,omitempty"`
	Setting   string `json:"setting"`
	Friendly  string `json:"friendly"`
	Method    string `json:"method"`
	URL       string `json:"url"`
	Auth      string `json:"auth"`
	User      string `json:"user,omitempty"`
	Password  string `json:"password,omitempty"`
	Headers   string `json:"headers"`
	Encoding  string `json:"encoding"`
	Body      string `json:"body"`
}

// guess is a variable whose name nobody has published.
type guess struct {
	Variable string `json:"variable"`
	SentAs   string `json:"sent_as"`
}

type printedTemplate struct {
	Tenant     screenpop.Tenant `json:"tenant"`
	Webhooks   []printedHook    `json:"webhooks"`
	Unverified []guess          `json:"unverified"`
	Notes      []string         `json:"notes"`
}

func newVodiaTemplate() *cobra.Command {
	var f hookFlags
	var event, level, extension string
	var showSecrets bool
	cmd := &cobra.Command{
		Use:   "template --config FILE",
		Short: "Print what to paste into the PBX's webhook settings, field by field",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, template, err := f.firm()
			if err != nil {
				return err
			}
			levels, err := levelsToPrint(level, extension)
			if err != nil {
				return failure{exitUsage, err}
			}
			doc := printedTemplate{Tenant: t.Domain, Unverified: guesses(), Notes: templateNotes(template)}
			for _, l := range levels {
				for _, e := range vodia.Events() {
					if event == "" || event == e.Setting || event == e.Part {
						doc.Webhooks = append(doc.Webhooks, printable(t, l, e, template.Hooks(l)[e.Setting], showSecrets))
					}
				}
			}
			if len(doc.Webhooks) == 0 {
				return failure{exitUsage, fmt.Errorf("--event: %q is none of acturl_newcall, acturl_connect and acturl_call", event)}
			}
			if f.json {
				return printJSON(cmd, doc)
			}
			return doc.print(cmd.OutOrStdout())
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&event, "event", "", "one event only: acturl_newcall, acturl_connect or acturl_call")
	cmd.Flags().StringVar(&level, "level", "", "one level only: account or tenant")
	cmd.Flags().StringVar(&extension, "extension", "", "the account's extension, to be put into the address")
	cmd.Flags().BoolVar(&showSecrets, "show-secrets", false, "print the password and the token instead of where they are")
	return cmd
}

func levelsToPrint(level, extension string) ([]vodia.Level, error) {
	account := vodia.Level(anyExtension)
	if extension != "" {
		account = vodia.Level(extension)
	}
	switch level {
	case "":
		if extension != "" {
			return []vodia.Level{account}, nil
		}
		return []vodia.Level{account, vodia.Tenant}, nil
	case levelAccount:
		return []vodia.Level{account}, nil
	case levelTenant:
		if extension != "" {
			return nil, errors.New("--extension: a tenant's webhook names no extension: leave it out, or use --level account")
		}
		return []vodia.Level{vodia.Tenant}, nil
	}
	return nil, fmt.Errorf("--level: %q is neither account nor tenant", level)
}

func printable(t config.Tenant, level vodia.Level, e vodia.Event, h vodia.Hook, showSecrets bool) printedHook {
	p := printedHook{
		Level: levelTenant, Setting: e.Setting, Friendly: e.Friendly, Method: h.Method, URL: h.URL, Auth: h.Auth, User: h.User,
		Headers: h.Headers, Encoding: h.Encoding, Body: h.Body,
	}
	if level != vodia.Tenant {
		p.Level, p.Extension = levelAccount, string(level)
	}
	w := t.PBX.Webhook
	if h.User != "" {
		p.Password = whereSecret(w.Password, w.PasswordFile, "pbx.webhook.password", showSecrets)
	}
	if token := w.Token.Reveal(); token != "" {
		p.Headers = strings.ReplaceAll(p.Headers, token, whereSecret(w.Token, w.TokenFile, "pbx.webhook.token", showSecrets))
	}
	return p
}

// whereSecret says where a secret is, or the secret itself.
func whereSecret(s screenpop.Secret, file, key string, show bool) string {
	switch {
	case show:
		return s.Reveal()
	case file != "":
		return "(the content of " + file + ")"
	}
	return "(" + key + " of the configuration)"
}

func guesses() []guess {
	var list []guess
	for _, v := range vodia.Variables() {
		if v.Seen == "" {
			list = append(list, guess{"{" + v.Name + "}", v.Key})
		}
	}
	return list
}

func templateNotes(t vodia.Template) []string {
	notes := []string{
		"account: set it on the account of every agent, so that the address says whose phone it is. Whether a real PBX sends an account's acturl_newcall when its phone rings, and for outgoing calls, is not published: make a call and look with 'smokepopd vodia capture'.",
		"tenant: acturl_newcall fires before the PBX knows whose phone rings, so it cannot name the extension. At this level it makes pops for calls dialled straight to an extension and, with acturl_call, ends calls that no account told the end of.",
		"what the PBX cannot fill in, whether it leaves {...} or nothing, counts as absent; that is why some names are tried in several spellings.",
	}
	switch t.Encoding {
	case vodia.JSON:
		notes = append(notes, "how the PBX treats the braces of JSON in a body is not published: if what arrives is no JSON, use --encoding query.")
	case vodia.Form:
		notes = append(notes, "the name the PBX's form has for this encoding is not published: choose the one for application/x-www-form-urlencoded, or write that as the header Content-Type.")
	case vodia.Query:
		notes = append(notes, "telephone numbers are in the address: see that no proxy between the PBX and smokepop logs addresses.")
	}
	return notes
}

func (d printedTemplate) print(w io.Writer) error {
	out := &strings.Builder{}
	for _, h := range d.Webhooks {
		where := "tenant " + string(d.Tenant)
		if h.Extension != "" {
			where = "account " + h.Extension + " of " + string(d.Tenant)
		}
		if h.Extension == anyExtension {
			where = "every agent's account of " + string(d.Tenant) + " (put its number in place of " + anyExtension + ")"
		}
		fmt.Fprintf(out, "%s, %s\n  on %s\n", h.Setting, h.Friendly, where)
		for _, f := range [][2]string{
			{"Method", h.Method}, {"URL", h.URL}, {"Authentication", h.Auth}, {"User", h.User}, {"Password", h.Password},
			{"Headers", h.Headers}, {"Encoding", h.Encoding}, {"Body", h.Body},
		} {
			value := f[1]
			if value == "" {
				value = "(empty)"
			}
			fmt.Fprintf(out, "    %-15s %s\n", f[0], value)
		}
		out.WriteByte('\n')
	}
	out.WriteString("Not verified on a real PBX:\n")
	for _, g := range d.Unverified {
		fmt.Fprintf(out, "  %-20s sent as %s\n", g.Variable, g.SentAs)
	}
	for _, n := range d.Notes {
		fmt.Fprintf(out, "  - %s\n", n)
	}
	_, err := io.WriteString(w, out.String())
	return err
}
