package web_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// Loading the page takes less than 60 KiB over the wire, headers and all, in
// every language: what Chromium counts as transferred.
func TestBrowserLoadsLessThan60KiB(t *testing.T) {
	o, b := joined(t)
	for language, tag := range languages {
		b.speaks(tag)
		b.do(chromedp.Navigate("about:blank"))
		b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, network.ClearBrowserCache, cdp.Empty{})
			return err
		}))
		b.do(chromedp.Navigate(o.origin))
		b.state("#connection", "connected")
		bytes, err := strconv.Atoi(b.js(`[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].reduce((sum, e) => sum + e.transferSize, 0)`))
		if err != nil {
			t.Fatal(err)
		}
		files := b.js(`performance.getEntriesByType('resource').filter((e) => e.transferSize > 0).length`)
		t.Logf("%s: %d bytes, %s requests after the document", language, bytes, files)
		if bytes < 10<<10 || bytes > 60<<10 {
			t.Errorf("%s: %d bytes", language, bytes)
		}
	}
}
