package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// The fragments for Vodia's integrations framework, put into an app of another
// address as such frameworks do it, HTML as markup and scripts as elements, show
// calls over the app; twice is once.
func TestBrowserVodiaFragments(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><title>App</title><div id="user"></div><div id="tenant"></div>`)
	}))
	t.Cleanup(app.Close)
	o, b := joined(t, func(o *office) { o.config.Parents = []string{app.URL} })
	fragment := func(name string) string {
		t.Helper()
		content, err := os.ReadFile("../../deploy/vodia/" + name)
		if err != nil {
			t.Fatal(err)
		}
		const address = "https://pop.firm.example"
		if n := strings.Count(string(content), address); n != map[bool]int{true: 1}[strings.HasSuffix(name, ".js")] {
			t.Errorf("%s has smokepop's address in %d places", name, n)
		}
		quoted, err := json.Marshal(strings.ReplaceAll(string(content), address, o.origin))
		if err != nil {
			t.Fatal(err)
		}
		return string(quoted)
	}
	other := open(t, b.ctx)
	other.do(chromedp.Navigate(app.URL))
	for range 2 {
		for _, which := range []string{"user", "tenant"} {
			other.js(fmt.Sprintf(`(document.getElementById(%q).innerHTML = %s,
				document.head.append(Object.assign(document.createElement('style'), { textContent: %s })),
				document.head.append(Object.assign(document.createElement('script'), { textContent: %s })), 1)`,
				which, fragment(which+".html"), fragment(which+".css"), fragment(which+".js")))
		}
	}
	frame := other.frame(o.origin + "/embed")
	frame.state("#connection", "connected")
	o.rings(b, client("p1"))
	frame.state(`[data-pop-id="p1"]`, "ringing")
	other.until(heightOfFrame + ` > 150`)
	other.press(frame, `[data-pop-id="p1"] .pop-dismiss`)
	b.count("#pops > *", 0)
	other.count("iframe", 1)
	if got := other.js(`[...document.querySelectorAll('.smokepop-open')].map((e) => e.origin + e.checkVisibility()).join()`); got != o.origin+"true,"+o.origin+"true" {
		t.Errorf("smokepop is at %s", got)
	}
	if got := other.js(`document.querySelector('.smokepop-parent').textContent`); got != app.URL {
		t.Errorf("what has to be allowed is %q", got)
	}
}
