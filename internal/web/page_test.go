package web

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

func TestDocumentsAndTheirAssets(t *testing.T) {
	r := newRig(t, allowing(portal))
	asset := regexp.MustCompile(`(?:src|href)="([^"#]+)"`)
	for _, document := range []string{"/", "/join", "/pair/callback", "/embed", "/embed/connect"} {
		res := r.request("GET", document, "")
		body := text(t, res)
		if got := res.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
			t.Errorf("%s: %s", document, got)
		}
		found := asset.FindAllStringSubmatch(body, -1)
		if len(found) < 3 {
			t.Fatalf("%s has %d assets", document, len(found))
		}
		for _, m := range found {
			if res := r.request("GET", m[1], ""); res.StatusCode != 200 {
				t.Errorf("%s wants %s: %d", document, m[1], res.StatusCode)
			}
		}
	}
}

// What a module imports has to be there, under the same version.
func TestModulesFindEachOther(t *testing.T) {
	p := newRig(t).server.page
	imports := regexp.MustCompile(`(?m)^import .* from '\./([\w.]+)';$`)
	for name, a := range p.assets {
		for _, m := range imports.FindAllStringSubmatch(string(a.plain), -1) {
			if _, there := p.assets[m[1]]; !there {
				t.Errorf("%s imports %s, which is not there", name, m[1])
			}
		}
	}
}

func TestAssetsHaveTheirType(t *testing.T) {
	r := newRig(t)
	for name, want := range map[string]string{"app.js": "text/javascript; charset=utf-8", "app.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml", "icon-192.png": "image/png"} {
		res := r.request("GET", r.server.page.vars.Assets+"/"+name, "")
		if got := res.Header.Get("Content-Type"); res.StatusCode != 200 || got != want {
			t.Errorf("%s: %d %s", name, res.StatusCode, got)
		}
	}
}

// The page asks nobody else for anything and never turns data into markup or
// code.
func TestThePageKeepsToItself(t *testing.T) {
	namespace := "http://www.w3.org/2000/svg"
	outside := regexp.MustCompile(`(?i)(https?:|wss?:)?//[a-z0-9]`)
	markup := regexp.MustCompile(`(?i)innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|srcdoc|\beval\b|new Function|setTimeout\(['"]|javascript:|\bon[a-z]+\s*=\s*["']|style\s*=\s*"|<style|importScripts|@import|(?-i:\burl\()`)
	inline := regexp.MustCompile(`(?is)<script[^>]*>\s*[^<\s]`)
	scripts := 0
	err := fs.WalkDir(pageFiles, "page", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := pageFiles.ReadFile(name)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, ".js") {
			scripts += len(content)
		}
		for i, line := range strings.Split(string(content), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "//") {
				continue
			}
			if outside.MatchString(strings.ReplaceAll(line, namespace, "")) {
				t.Errorf("%s:%d has an outside address: %s", name, i+1, line)
			}
			if markup.MatchString(line) {
				t.Errorf("%s:%d makes markup or code of data: %s", name, i+1, line)
			}
		}
		if strings.HasSuffix(name, ".html") && inline.Match(content) {
			t.Errorf("%s has an inline script", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if scripts < 10_000 {
		t.Errorf("%d bytes of script", scripts)
	}
}
