package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// waitAtMost bounds what a browser test waits for; nothing is asserted about
// how long it took.
const waitAtMost = 30 * time.Second

// browser is a Chromium of its own, with nobody signed in.
type browser struct {
	t   *testing.T
	ctx context.Context
}

// newBrowser starts Chromium for the test.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	path := chromium()
	if path == "" {
		t.Skip("no Chromium on this machine: make test installs it")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		// In a container there is often no user namespace for Chromium's own
		// sandbox; the only pages it opens are ours.
		chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-popup-blocking", false),
		chromedp.WindowSize(1100, 800),
	)
	if dark() {
		options = append(options, chromedp.Flag("blink-settings", "preferredColorScheme=0"))
	}
	// Chromium itself dies at its start now and then, on a machine that is busy.
	for tries := 1; ; tries++ {
		allocator, stopAllocator := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
		ctx, stop := chromedp.NewContext(allocator)
		err := chromedp.Do(ctx, chromedp.Navigate("about:blank"))
		if err == nil {
			t.Cleanup(func() {
				_ = chromedp.Cancel(ctx) // closes the browser and waits for it
				stop()
				stopAllocator()
			})
			return &browser{t, ctx}
		}
		stop()
		stopAllocator()
		if tries == 3 {
			t.Fatalf("start Chromium: %v", err)
		}
	}
}

// chromium finds Chromium under one of its names.
var chromium = sync.OnceValue(func() string {
	if path := os.Getenv("SMOKEPOP_TEST_CHROMIUM"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
})

// tab is one tab, or one window, of a browser.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// profile opens a tab in a profile of its own: cookies are not shared with
// other profiles.
func (b *browser) profile() *tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	b.t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		b.t.Fatalf("open a profile: %v", err)
	}
	return &tab{b.t, ctx}
}

// another opens a tab beside tb, in the same profile.
func (tb *tab) another() *tab {
	tb.t.Helper()
	ctx, cancel := chromedp.NewContext(tb.ctx)
	tb.t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		tb.t.Fatalf("open a tab: %v", err)
	}
	return &tab{tb.t, ctx}
}

func (tb *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, waitAtMost)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		tb.t.Fatalf("%s: %v\nthe page: %s", what, err, tb.visible())
	}
}

func (tb *tab) open(url string) {
	tb.t.Helper()
	tb.do("open the page", chromedp.Navigate(url))
}

func (tb *tab) click(selector string) {
	tb.t.Helper()
	tb.sees(selector)
	tb.do("click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// press clicks an element by script, once the debugger has its answer: where
// the click leads to another site the window changes its process, and an answer
// on its way would be lost.
func (tb *tab) press(selector string) {
	tb.t.Helper()
	tb.sees(selector)
	tb.eval(fmt.Sprintf(`setTimeout(() => document.querySelector(%q).click())`, selector))
}

// fill writes into a field by script.
func (tb *tab) fill(selector, text string) {
	tb.t.Helper()
	tb.sees(selector)
	tb.eval(fmt.Sprintf(`document.querySelector(%q).value = %q`, selector, text))
}

// sees waits until an element that fits is visible.
func (tb *tab) sees(selector string) {
	tb.t.Helper()
	tb.holds(fmt.Sprintf(`[...document.querySelectorAll(%q)].some(e => e.checkVisibility())`, selector))
}

// holds waits until a condition of JavaScript is true. The page looks itself, on
// timers, which run in hidden tabs too.
func (tb *tab) holds(condition string) {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, waitAtMost)
	defer cancel()
	script := `new Promise(done => { const look = () => { let ok = false; try { ok = ` + condition + ` } catch {} ok ? done(true) : setTimeout(look, 10) }; look() })`
	for ctx.Err() == nil {
		// A navigation ends the promise: ask the next document.
		if ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script, chromedp.EvalAwaitPromise)); err == nil && ok {
			return
		}
	}
	tb.t.Fatalf("never: %s\nthe page: %s", condition, tb.visible())
}

// eval returns what an expression of JavaScript gives, as text.
func (tb *tab) eval(expression string) string {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, waitAtMost)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[string](`String(`+expression+`)`))
	if err != nil {
		tb.t.Fatalf("evaluate %s: %v", expression, err)
	}
	return v
}

func (tb *tab) count(selector string) string {
	tb.t.Helper()
	return tb.eval(fmt.Sprintf(`document.querySelectorAll(%q).length`, selector))
}

func (tb *tab) text(selector string) string {
	tb.t.Helper()
	tb.sees(selector)
	return tb.eval(fmt.Sprintf(`document.querySelector(%q).textContent`, selector))
}

func (tb *tab) attribute(selector, name string) string {
	tb.t.Helper()
	tb.sees(selector)
	return tb.eval(fmt.Sprintf(`document.querySelector(%q).getAttribute(%q)`, selector, name))
}

// visible is the page's text, for a failed test's message.
func (tb *tab) visible() string {
	ctx, cancel := context.WithTimeout(tb.ctx, 5*time.Second)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText : ""`))
	if err != nil {
		return err.Error()
	}
	return s
}

// window returns the window that is, or soon is, at an address that has at in
// it. One on its way from site to site is not to be had before it is there.
func (tb *tab) window(at string) *tab {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, waitAtMost)
	defer cancel()
	for ctx.Err() == nil {
		targets, err := chromedp.Targets(ctx)
		if err != nil {
			break
		}
		for _, info := range targets {
			if info.Type == "page" && strings.Contains(info.URL, at) {
				ctx, cancel := chromedp.NewContext(tb.ctx, chromedp.WithTargetID(info.TargetID))
				tb.t.Cleanup(cancel)
				// A tab lives as long as the context of its first action.
				if _, err := chromedp.Run(ctx, chromedp.Location()); err != nil {
					tb.t.Fatal(err)
				}
				return &tab{tb.t, ctx}
			}
		}
	}
	tb.t.Fatalf("no window came to %s\nthe page: %s", at, tb.visible())
	return nil
}

// dark tells whether SMOKEPOP_TEST_DARK wants pages, and pictures of them, dark.
func dark() bool { return os.Getenv("SMOKEPOP_TEST_DARK") != "" }

// screenshots writes a PNG of a wide window and one of a narrow one.
func (tb *tab) screenshots(name string) {
	tb.t.Helper()
	if os.Getenv("SMOKEPOP_TEST_SCREENS") == "" {
		return
	}
	if dark() {
		name += "-dark"
	}
	tb.screenshot(name)
	tb.do("make the window narrow", chromedp.EmulateViewport(320, 640))
	tb.screenshot(name + "-narrow")
	tb.do("make the window wide", chromedp.EmulateViewport(1100, 800))
}

// screenshot writes a PNG of what the window shows where
// SMOKEPOP_TEST_SCREENS names a folder.
func (tb *tab) screenshot(name string) {
	tb.t.Helper()
	folder := os.Getenv("SMOKEPOP_TEST_SCREENS")
	if folder == "" {
		return
	}
	png, err := chromedp.Run(tb.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		tb.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), png, 0o644); err != nil {
		tb.t.Fatal(err)
	}
}
