package web_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

const axeFile = "../../tools/web/node_modules/axe-core/axe.min.js"

// axe returns axe-core, which make test-tools installs.
func axe(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile(axeFile)
	if os.IsNotExist(err) {
		t.Skip("axe-core is not installed: make test-tools does that where there is node")
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

const runAxe = `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'] })
	.then((r) => JSON.stringify({ rules: r.passes.length, violations: r.violations.map((v) => v.id + ': ' + v.help + ': ' + v.nodes.map((n) => n.target.join(' ') + ' (' + n.failureSummary + ')').join('; ')) }))`

// accessible has axe look at what the tab shows.
func (b *tab) accessible(source, name string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[int](source+`;1`)); err != nil {
		b.t.Fatal(err)
	}
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](runAxe, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	var found struct {
		Rules      int
		Violations []string
	}
	if err := json.Unmarshal([]byte(v), &found); err != nil {
		b.t.Fatal(err)
	}
	for _, violation := range found.Violations {
		b.t.Errorf("%s: %s", name, violation)
	}
	if found.Rules < 8 {
		b.t.Errorf("%s: axe looked at %d rules only", name, found.Rules)
	}
}

// Every state of the page, in both themes, is without a violation of WCAG 2.2
// A and AA, as far as axe can tell; nothing has to be scrolled sideways on a
// window of 320 pixels (which is also one of 640 at 200 %), on one of
// ordinary width and on a very wide one.
func TestBrowserEveryStateIsAccessible(t *testing.T) {
	source := axe(t)
	everyState(t, func(t *testing.T, b *tab, s state, language string) {
		s.in(t, b)
		for _, theme := range []string{"light", "dark"} {
			b.looks(theme)
			b.accessible(source, language+" "+theme)
		}
		for _, width := range []int64{320, 640, 1280, 3840} {
			b.do(chromedp.EmulateViewport(width, 800))
			wide := b.js(`[...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() && !e.closest('.unseen, svg, [data-state=""].toast') && (e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < -1)).map((e) => e.id || e.className).join() + (document.documentElement.scrollWidth > innerWidth ? ' scrolls' : '')`)
			if wide != "" {
				t.Errorf("%s, %d pixels wide: beyond the window: %s", language, width, wide)
			}
		}
		b.do(chromedp.EmulateViewport(1280, 800))
	})
}
