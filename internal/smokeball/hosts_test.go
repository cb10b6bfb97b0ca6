package smokeball_test

import (
	"strings"
	"testing"

	. "github.com/smokepop/smokepop/internal/smokeball"
)

func TestTheSixHosts(t *testing.T) {
	for _, c := range []struct {
		region  string
		staging bool
		want    Hosts
	}{
		{"us", false, Hosts{"https://auth.smokeball.com", "https://api.smokeball.com", "https://app.smokeball.com"}},
		{"us", true, Hosts{"https://datastaging-auth.smokeball.com", "https://stagingapi.smokeball.com", "https://rc-app.smokeball.com"}},
		{"au", false, Hosts{"https://auth.smokeball.com.au", "https://api.smokeball.com.au", "https://app.smokeball.com.au"}},
		{"au", true, Hosts{"https://datastaging-auth.smokeball.com.au", "https://stagingapi.smokeball.com.au", "https://rc-app.smokeball.com.au"}},
		{"uk", false, Hosts{"https://auth.smokeball.co.uk", "https://api.smokeball.co.uk", "https://app.smokeball.co.uk"}},
		{"uk", true, Hosts{"https://datastaging-auth.smokeball.co.uk", "https://stagingapi.smokeball.co.uk", "https://rc-app.smokeball.co.uk"}},
	} {
		got, err := HostsFor(c.region, c.staging, Hosts{})
		if err != nil || got != c.want {
			t.Errorf("%s staging=%v: %+v, %v", c.region, c.staging, got, err)
		}
	}
}

func TestOverridesAreIndependent(t *testing.T) {
	got, err := HostsFor("AU", true, Hosts{App: "https://app.white-label.example/"})
	want := Hosts{"https://datastaging-auth.smokeball.com.au", "https://stagingapi.smokeball.com.au", "https://app.white-label.example"}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = HostsFor("us", false, Hosts{Auth: "http://127.0.0.1:9000/oauth", API: "http://[::1]:9000"})
	want = Hosts{"http://127.0.0.1:9000/oauth", "http://[::1]:9000", "https://app.smokeball.com"}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestBadHosts(t *testing.T) {
	if _, err := HostsFor("mars", false, Hosts{}); err == nil || !strings.Contains(err.Error(), "mars") {
		t.Errorf("region mars: %v", err)
	}
	for _, bad := range []string{
		"http://api.example.com", "http://10.0.0.1", "ftp://api.example.com", "api.example.com", "https://", "https:api", "://",
		"https://user@api.example.com", "https://api.example.com?x=1", "https://api.example.com?", "https://api.example.com#x",
	} {
		_, err := HostsFor("us", false, Hosts{API: bad})
		if err == nil || !strings.HasPrefix(err.Error(), "endpoint api: ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
