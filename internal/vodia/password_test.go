package vodia

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

func TestPasswordAtTheSimulatedPBX(t *testing.T) {
	_, c := simulated(t, simulator.PBXOptions{})
	for _, tc := range []struct {
		extension, password string
		want                bool
	}{
		{"101", simulator.ExtensionPassword("101"), true},
		{"101", simulator.ExtensionPassword("102"), false},
		{"101", simulator.DefaultAdmin().Password, false},
		{"101", "", false},
		{"999", simulator.ExtensionPassword("999"), false},
		{"admin", simulator.DefaultAdmin().Password, false},
		{"../101", simulator.ExtensionPassword("101"), false},
		{"101@" + simulator.NewFirm().Domain, simulator.ExtensionPassword("101"), false},
		{"", simulator.ExtensionPassword("101"), false},
	} {
		got, err := c.CheckPassword(t.Context(), tc.extension, screenpop.Secret(tc.password))
		if err != nil || got != tc.want {
			t.Errorf("%q with %q: %v, %v", tc.extension, tc.password, got, err)
		}
	}
}

func TestPasswordIsCheckedAsTheExtension(t *testing.T) {
	p := newPBX(t, true)
	const path = "GET /rest/user/101@" + domain + "/calls"
	p.on(path, func(w http.ResponseWriter, r *http.Request) {
		if got, want := r.Header.Get("Authorization"), "Basic "+base64.StdEncoding.EncodeToString([]byte("101@"+domain+":pass:wörd")); got != want {
			t.Errorf("authorization %q", got)
		}
		_, _ = w.Write([]byte("[]"))
	})
	if ok, err := p.client().CheckPassword(t.Context(), "101", "pass:wörd"); !ok || err != nil {
		t.Error(ok, err)
	}
	if n := p.count(path); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// Nothing but the extension's calls is a yes.
func TestPasswordAnswersThatAreNoYes(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
		kind   Kind // empty: a no
	}{
		"unauthorized": {401, "no", ""},
		"false":        {200, "false", ""},
		"true":         {200, "true", Broken},
		"null":         {200, "null", Broken},
		"nothing":      {200, "", Broken},
		"a login page": {200, "<!doctype html>", NotAPBX},
		"half":         {200, "[{", Broken},
		"forbidden":    {403, "no", Forbidden},
		"not found":    {404, "no", NotFound},
		"broken":       {500, "[]", Broken},
		"created":      {302, "[]", NotAPBX},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPBX(t, false)
			p.on("*", func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.body))
			})
			ok, err := p.client().CheckPassword(t.Context(), "101", "hunter2")
			if ok || tc.kind == "" && err != nil || tc.kind != "" && !is(err, tc.kind) {
				t.Errorf("%v, %v", ok, err)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Error("the password is told")
			}
		})
	}
}
