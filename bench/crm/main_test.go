package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/simulator"
)

func TestAgentsSignInAndSearchesAreCounted(t *testing.T) {
	const callback = "http://127.0.0.1:9/pair/callback"
	c := newCRM(3, 10, callback)
	control, outside := httptest.NewServer(c.control()), httptest.NewServer(c.smokeball)
	defer control.Close()
	defer outside.Close()
	post := func(path string, form url.Values) string {
		res, err := http.PostForm(control.URL+path, form)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %s", path, res.Status, b)
		}
		return string(b)
	}
	authorize := outside.URL + "/oauth2/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {simulator.DefaultClient().ID}, "redirect_uri": {callback}, "state": {"s"},
		"code_challenge": {strings.Repeat("a", 43)}, "code_challenge_method": {"S256"},
	}.Encode()
	if target := post("/sign-in", url.Values{"url": {authorize}, "email": {"agent2@firm.example"}}); !strings.HasPrefix(target, callback+"?") || !strings.Contains(target, "code=") {
		t.Errorf("after the sign-in the browser is sent to %q", target)
	}
	post("/latency/1ms", nil)
	res, err := http.Get(outside.URL + "/contacts?search=1")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	count := func() string {
		res, err := http.Get(control.URL + "/searches")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return string(b)
	}
	if got := count(); got != "1" {
		t.Errorf("%s searches, want 1", got)
	}
	post("/forget", nil)
	if got := count(); got != "0" {
		t.Errorf("%s searches after forget, want 0", got)
	}
}
