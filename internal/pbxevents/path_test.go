package pbxevents

import (
	"net/url"
	"testing"
)

// There are two paths and no other; escapes are undone where they stand.
func TestPaths(t *testing.T) {
	for path, want := range map[string]pathFields{
		"/hooks/vodia/firm.example":                    {"firm.example", "", ""},
		"/hooks/vodia/firm.example/ringing/101":        {"firm.example", "ringing", "101"},
		"/hooks/vodia/firm.example/ringing/101,102":    {"firm.example", "ringing", "101,102"},
		"/hooks/vodia/firm.example/ringing/sip%2F101":  {"firm.example", "ringing", "sip/101"},
		"/hooks/vodia/firm%2eexample/ringing/a%20b%2F": {"firm.example", "ringing", "a b/"},
		"/hooks/vodia/firm.example//101":               {"firm.example", "", "101"},
		"/hooks/vodia/firm.example/ringing/":           {"firm.example", "ringing", ""},
	} {
		u, err := url.Parse("http://pop.example" + path)
		if err != nil {
			t.Fatal(err)
		}
		if got, refused := pathOf(u); refused != nil || got != want {
			t.Errorf("%s is %+v, %v; want %+v", path, got, refused, want)
		}
	}
	for _, path := range []string{
		"/", "/hooks/vodia", "/hooks/other/firm.example", "/hooks/vodia/firm.example/", "/hooks/vodia/firm.example/ringing",
		"/hooks/vodia/firm.example/ringing/101/", "/hooks/vodia/firm.example/ringing/101/more", "//hooks/vodia/firm.example",
	} {
		if got, refused := pathOf(&url.URL{Path: path}); refused == nil || refused.status != 404 {
			t.Errorf("%s is %+v, %v; want 404", path, got, refused)
		}
	}
	if _, refused := pathOf(&url.URL{Path: "/hooks/vodia/%", RawPath: "/hooks/vodia/%zz"}); refused == nil || refused.status != 400 {
		t.Errorf("an escape that is none: %v", refused)
	}
}
