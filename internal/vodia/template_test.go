package vodia

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

func exampleTemplate(e Encoding) Template {
	return Template{
		Base: "https://pop.firm.example:8444", Domain: "firm.example.com",
		Username: "vodia", Password: "webhook-pw", Token: "token-pw", Encoding: e,
	}
}

func TestTemplatesAreTheGoldenOnes(t *testing.T) {
	for _, e := range Encodings() {
		for level, name := range map[Level]string{Tenant: "tenant", "101": "account"} {
			t.Run(string(e)+" "+name, func(t *testing.T) {
				var b strings.Builder
				hooks := exampleTemplate(e).Hooks(level)
				for _, ev := range Events() {
					h := hooks[ev.Setting]
					fmt.Fprintf(&b, "%s\n%s %s\nauth %s user %s password %s\n%s\nencoding %s\n%s\n\n",
						ev.Setting, h.Method, h.URL, h.Auth, h.User, h.Password.Reveal(), h.Headers, h.Encoding, h.Body)
				}
				file := filepath.Join("testdata", "template-"+string(e)+"-"+name+".golden")
				if *update {
					if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if b.String() != string(want) {
					t.Errorf("the template is\n%s\nwant\n%s", b.String(), want)
				}
			})
		}
	}
}

func TestTemplateHasNoBracesButVariables(t *testing.T) {
	known := []string{}
	for _, v := range Variables() {
		known = append(known, "{"+v.Name+"}", "")
	}
	without := strings.NewReplacer(known...)
	for _, level := range []Level{Tenant, "101"} {
		for _, e := range []Encoding{Query, Form} {
			for name, h := range exampleTemplate(e).Hooks(level) {
				if rest := without.Replace(h.URL + h.Headers + h.Body); strings.ContainsAny(rest, "{}") {
					t.Errorf("%s %s has a literal brace: %s", e, name, rest)
				}
				if (e == Query) != (h.Body == "" && strings.Contains(h.URL, "?")) {
					t.Errorf("%s %s: address %s, body %s", e, name, h.URL, h.Body)
				}
			}
		}
		for name, h := range exampleTemplate(JSON).Hooks(level) {
			var fields map[string]string
			if err := json.Unmarshal([]byte(h.Body), &fields); err != nil {
				t.Errorf("%s: the body is no JSON before it is filled in: %v", name, err)
			}
			if u, err := url.Parse(h.URL); err != nil || u.RawQuery != "" {
				t.Errorf("%s: the address is %s (%v)", name, h.URL, err)
			}
		}
	}
}

func TestMineIsWhatATemplateMade(t *testing.T) {
	tpl := exampleTemplate(JSON)
	for _, e := range Encodings() {
		for _, level := range []Level{Tenant, "101"} {
			for name, h := range exampleTemplate(e).Hooks(level) {
				if !tpl.Mine(h) {
					t.Errorf("%s %s at %s is not mine: %s", e, name, level, h.URL)
				}
			}
		}
	}
	for _, address := range []string{
		"", "https://other.example/hooks/vodia/firm.example.com/newcall/101",
		"https://pop.firm.example:8444/hooks/vodia/firm.example.com.evil.example/newcall/101",
		"https://pop.firm.example:8444/hooks/vodia/other.example.com",
		"http://pop.firm.example:8444/hooks/vodia/firm.example.com",
		"https://elsewhere.example/?u=https://pop.firm.example:8444/hooks/vodia/firm.example.com",
	} {
		if tpl.Mine(Hook{URL: address}) {
			t.Errorf("%q is taken as mine", address)
		}
	}
}
