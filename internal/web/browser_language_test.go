package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// The languages of the page, and a browser's word for each.
var languages = map[string]string{"en": "en-GB", "es": "es-MX", "de": "de-AT", "ar": "ar-EG"}

// speaks makes the tab's browser one of somebody who reads these languages.
func (b *tab) speaks(tags string) {
	b.t.Helper()
	agent := b.js(`navigator.userAgent`)
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent, AcceptLanguage: tags})
		return err
	}))
}

// messages is a message file as a browser of its language knows it: each
// message by its path, in every form that its parameters give it.
type messages struct {
	Text   map[string]map[string]string // path, parameters: words
	Served map[string]string
}

// Every parameter has the values that make a difference. A parameter of a name
// that is not known here is an error: the test would not see it.
const renderMessages = `(async (language) => {
	const at = document.querySelector('script[type=module]').src.replace(/[^/]*$/, '');
	const { text, served } = await import(at + 'messages.' + language + '.js');
	const counts = [1, 2, 3, 11, 100];
	const now = Date.now(), day = 86_400_000;
	const samples = {
		direction: ['inbound', 'outbound'], state: ['ringing', 'connected', 'ended'],
		name: ['N4ME'], account: ['', 'ACC0UNT'], email: ['', 'm@il.example'], number: ['+15550100'], queue: ['QU3UE'], extension: ['3XT'], id: ['1D'],
		browser: ['', 'Br0wser'], system: ['', 'Syst3m'], device: ['D3vice'], why: ['R3ason'], method: ['invite', 'pbx_password', 'oidc'],
		n: counts, seconds: [0, ...counts], others: [0, ...counts], days: counts, when: [new Date(now), new Date(now + day), new Date(now + 4 * day)], until: [null, new Date(now), new Date(now + 40 * day)],
	};
	const out = {};
	const render = (path, m) => {
		if (typeof m === 'string') return void (out[path] = { '': m });
		if (typeof m === 'object') return Object.entries(m).forEach(([k, v]) => render(path ? path + '.' + k : k, v));
		const names = (/^\(?([^)=]*)\)?\s*=>/.exec(m.toString())?.[1] ?? '').split(',').map((s) => s.trim().replace(/_$/, '')).filter(Boolean);
		let given = [[]];
		for (const n of names) {
			if (!samples[n]) throw new Error(path + ' has a parameter ' + n + ' that the test has no values for');
			given = given.flatMap((g) => samples[n].map((v) => [...g, v]));
		}
		out[path] = Object.fromEntries(given.map((g) => [g.map((v, i) => names[i] + '=' + (v instanceof Date ? Math.round((v - now) / day) : v)).join(' '), m(...g)]));
	};
	render('', text);
	return JSON.stringify({ text: out, served });
})(%q)`

// Words that are the same in another language than English, by right.
var sameInBoth = regexp.MustCompile(`^(de|es|ar) (kinds\.person|matched\.fax|title|when|device)$`)

// All languages have the same messages, whose parameters all come through, and
// nothing of them is empty, English, or left over.
func TestBrowserSpeaksAllLanguagesAlike(t *testing.T) {
	b := browser(t)
	o := newOffice(t)
	all := map[string]messages{}
	for language, tag := range languages {
		b.speaks(tag)
		b.do(chromedp.Navigate(o.origin + "/join"))
		b.until(`document.documentElement.lang === ` + strconv.Quote(language))
		v, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](fmt.Sprintf(renderMessages, language), chromedp.EvalAwaitPromise))
		if err != nil {
			t.Fatal(err)
		}
		var m messages
		if err := json.Unmarshal([]byte(v), &m); err != nil {
			t.Fatal(err)
		}
		all[language] = m
		want := "ltr"
		if language == "ar" {
			want = "rtl"
		}
		if got := b.js(`document.documentElement.dir`); got != want {
			t.Errorf("%s is written %s", language, got)
		}
	}
	english := all["en"]
	if len(english.Text) < 80 {
		t.Fatalf("%d messages", len(english.Text))
	}
	parameter := regexp.MustCompile(`N4ME|ACC0UNT|m@il\.example|\+15550100|QU3UE|3XT|1D|\d+`)
	for language, m := range all {
		if got, want := slices.Sorted(maps.Keys(m.Text)), slices.Sorted(maps.Keys(english.Text)); !slices.Equal(got, want) {
			t.Errorf("%s has the messages %v, English %v", language, got, want)
		}
		for path, forms := range m.Text {
			for given, words := range forms {
				if strings.TrimSpace(words) == "" || strings.ContainsAny(words, "#$`") || strings.Contains(words, "undefined") || strings.Contains(words, "null") || strings.Contains(words, "  ") {
					t.Errorf("%s %s (%s): %q", language, path, given, words)
				}
				if language == "en" {
					continue
				}
				of, ok := english.Text[path][given]
				if !ok {
					t.Errorf("%s %s: takes (%s), and English does not", language, path, given)
				}
				if words == of && !sameInBoth.MatchString(language+" "+path) {
					t.Errorf("%s %s (%s) is English: %q", language, path, given, words)
				}
				for _, p := range parameter.FindAllString(of, -1) {
					if _, err := strconv.Atoi(p); err == nil {
						continue // a number may be a word of its own, and dates differ
					}
					if !strings.Contains(words, p) {
						t.Errorf("%s %s (%s): %q has lost %s", language, path, given, words, p)
					}
				}
			}
		}
	}
	said := serverSentences(t)
	for language, m := range all {
		if language == "en" {
			if len(m.Served) != 0 {
				t.Error("English translates itself")
			}
			continue
		}
		for _, sentence := range said {
			if m.Served[sentence] == "" || m.Served[sentence] == sentence {
				t.Errorf("%s does not know what the server says: %q", language, sentence)
			}
		}
		for sentence, words := range m.Served {
			if !slices.Contains(said, sentence) {
				t.Errorf("%s translates what the server does not say: %q", language, sentence)
			}
			if strings.Count(words, "%s") > strings.Count(sentence, "%s") {
				t.Errorf("%s has a parameter too many: %q", language, words)
			}
		}
	}
}

// Sentences for who programs against us, not for agents: they stay English and
// are marked so.
var forProgrammers = regexp.MustCompile(`^(The body|There is nothing at this address|The setting|This address|smokepop (works|now shows)|Your e-mail address belongs|Nothing has changed)`)

// Sentences that are put together in the code, or made elsewhere than in the
// files that are read here.
var putTogether = []string{
	"Your administrator decides about %s for everybody, so it cannot be changed here.",
	"Smokeball does not accept this sign-in, even after a refresh (401): pair again; if that does not help, check that the app has the scope contacts/read and has not been removed in Smokeball.",
	"Smokeball does not let this sign-in look up contacts (403): check the API key, that the app has the scope contacts/read, and that this person may see contacts in Smokeball.",
}

// serverSentences reads from the sources what an agent may be told.
func serverSentences(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, "../daemon/pairproblem.go", "../daemon/dialer.go", "../daemon/signin.go", "../tokens/refresh.go", "../lookup/ask.go")
	sentence := regexp.MustCompile(`^(?:[A-Z]|smokepop )[^\n{]* [^\n{]*\.$`)
	said := slices.Clone(putTogether)
	for _, name := range files {
		base := filepath.Base(name)
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(base, "admin") || strings.HasPrefix(base, "ops") || base == "knock.go" { // the doctor's own
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if s, ok := call.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "With" {
					return false
				}
			}
			if field, ok := n.(*ast.KeyValueExpr); ok {
				if k, ok := field.Key.(*ast.Ident); ok && k.Name == "Help" { // of a metric
					return false
				}
			}
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if s, err := strconv.Unquote(lit.Value); err == nil && sentence.MatchString(s) && !forProgrammers.MatchString(s) && !slices.Contains(said, s) {
					said = append(said, s)
				}
			}
			return true
		})
	}
	return said
}

// What index.html names by data-text is there.
func TestDocumentsNameWordsThatThereAre(t *testing.T) {
	english, err := os.ReadFile("page/assets/messages.en.js")
	if err != nil {
		t.Fatal(err)
	}
	documents, err := filepath.Glob("page/*.html")
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, name := range documents {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`data-text="([^"]*)"`).FindAllSubmatch(content, -1) {
			named++
			if !regexp.MustCompile(`(?m)^  ` + string(m[1]) + `: ['"]`).Match(english) {
				t.Errorf("%s: there are no words %q", name, m[1])
			}
		}
	}
	if named < 8 {
		t.Errorf("%d names found", named)
	}
}

// One message file is loaded, and it is the reader's; a browser of a language
// that there is none of reads English, with its own region's days.
func TestBrowserLoadsOneLanguage(t *testing.T) {
	b := browser(t)
	o := newOffice(t)
	for _, c := range []struct{ tags, file, locale string }{
		{"de-CH,de,en", "messages.de.js", "de-CH"},
		{"fr-FR,fr,es", "messages.es.js", "es"},
		{"ar", "messages.ar.js", "ar"},
		{"nb-NO,nb", "messages.en.js", "en-NO"},
		{"en-AU", "messages.en.js", "en-AU"},
	} {
		b.speaks(c.tags)
		b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(o.origin+"/join"))
		b.until(`document.getElementById('join')?.dataset.state === 'failed'`)
		if got := b.js(`performance.getEntriesByType('resource').map((e) => e.name.replace(/.*\//, '')).filter((n) => n.startsWith('messages.')).join()`); got != c.file {
			t.Errorf("%s: loads %s", c.tags, got)
		}
		locale, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`import(document.querySelector('script[type=module]').src.replace(/[^/]*$/, 'locale.js')).then((m) => m.locale)`, chromedp.EvalAwaitPromise))
		if err != nil || locale != c.locale {
			t.Errorf("%s: writes numbers as %s, %v", c.tags, locale, err)
		}
	}
}

// What the server says is read in the page's language, one sentence or two; a
// sentence that is not known is marked as English. Names of the other
// direction do not turn the sentence around.
func TestBrowserSaysInGermanAndArabicWhatTheServerSays(t *testing.T) {
	o, b := joined(t)
	says := func(language, id, want string) {
		t.Helper()
		b.until(fmt.Sprintf(`document.documentElement.lang === %q && document.getElementById(%q)?.textContent === %q`, language, id, want))
	}
	problem := "smokepop cannot save to its disk at the moment, so the authorisation is not renewed. The administrator has to make room. Smokeball has a new word."
	b.speaks("de-DE")
	b.do(chromedp.Reload())
	o.set(screenpop.Pairing{State: screenpop.Attention, Since: noon(-1), Expires: noon(40),
		Problem: "The saved authorisation cannot be read any more. Pair again. The authorisation at Smokeball has ended. Pair again."})
	says("de", "pairing-problem", "Die gespeicherte Berechtigung ist nicht mehr lesbar. Koppeln Sie neu. Die Berechtigung bei Smokeball ist abgelaufen. Koppeln Sie neu.")
	o.set(screenpop.Pairing{State: screenpop.Attention, Since: noon(-1), Expires: noon(40), Problem: problem})
	says("de", "pairing-problem", problem)
	if got := b.js(`document.getElementById('pairing-problem').lang`); got != "en" {
		t.Errorf("English is marked %q", got)
	}
	b.speaks("ar-EG")
	b.do(chromedp.Reload())
	o.set(screenpop.Pairing{State: screenpop.Paired, Account: "Priya Shah", Since: noon(-1)})
	says("ar", "pairing-title", "مرتبط باسم \u2068Priya Shah\u2069")
	if got := b.js(`document.getElementById('pairing-problem').lang + getComputedStyle(document.getElementById('pairing')).direction`); got != "rtl" {
		t.Errorf("is marked %q", got)
	}
	o.hub.Pop(agent.AgentID, ring("p1", "Mary"), time.Now())
	b.until(`getComputedStyle(document.querySelector('.pop-number')).direction === 'ltr'`)
	says("ar", "announce", "مكالمة واردة: \u2068Mary\u2069، \u2066(617) 399-8147\u2069")
	b.speaks("en-US")
	b.do(chromedp.Reload())
	o.hub.Pop(agent.AgentID, ring("p2", "מרים לוי"), time.Now())
	says("en", "announce", "Incoming call: \u2068מרים לוי\u2069, (617) 399-8147")
	if got := b.js(`getComputedStyle(document.querySelector('[data-pop-id="p2"] .pop-name')).direction`); got != "rtl" {
		t.Errorf("a Hebrew name is written %s", got)
	}
	if got := b.js(`getComputedStyle(document.querySelector('[data-pop-id="p2"] .pop-name')).textAlign`); got != "left" {
		t.Errorf("a Hebrew name on an English page stands on the %s", got)
	}
}
