package smokeball_test

import (
	"strings"
	"testing"

	. "github.com/smokepop/smokepop/internal/smokeball"
)

const id = "323f9755-045a-4b68-a536-eb566b8428ff"

func TestLinks(t *testing.T) {
	for _, c := range []struct{ app, contact, matter, wantContact, wantMatter string }{
		{"https://app.smokeball.com", "", "", "https://app.smokeball.com/#/billing/view-contact/" + id + "/details", "https://app.smokeball.com/#/billing/view-matter/" + id + "/details"},
		{"https://app.smokeball.co.uk/", "{app}/#/c/{id}", "{app}/#/m?x={id}&y=1", "https://app.smokeball.co.uk/#/c/" + id, "https://app.smokeball.co.uk/#/m?x=" + id + "&y=1"},
		{"http://127.0.0.1:8080/app", "", "https://elsewhere.example/{id}", "http://127.0.0.1:8080/app/#/billing/view-contact/" + id + "/details", "https://elsewhere.example/" + id},
	} {
		l, err := NewLinks(c.app, c.contact, c.matter)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := l.Contact(id); !ok || got != c.wantContact {
			t.Errorf("contact %q, %v", got, ok)
		}
		if got, ok := l.Matter(id); !ok || got != c.wantMatter {
			t.Errorf("matter %q, %v", got, ok)
		}
	}
}

func TestBadLinks(t *testing.T) {
	for _, tmpl := range []string{
		"{app}/#/contact", "{app}/{id}/{id}", "{app}/{name}/{id}", "https://{id}.example/", "javascript:alert('{id}')//https://x",
		"http://app.example.com/{id}", "https://{id}@app.example.com/", "//app.example.com/{id}", "{id}",
	} {
		if _, err := NewLinks("https://app.smokeball.com", tmpl, ""); err == nil || !strings.HasPrefix(err.Error(), "contact link: ") {
			t.Errorf("contact %q: %v", tmpl, err)
		}
		if _, err := NewLinks("https://app.smokeball.com", "", tmpl); err == nil || !strings.HasPrefix(err.Error(), "matter link: ") {
			t.Errorf("matter %q: %v", tmpl, err)
		}
	}
	if _, err := NewLinks("http://app.smokeball.com", "", ""); err == nil {
		t.Error("a plain http web app was accepted")
	}
}
