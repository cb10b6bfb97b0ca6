package main

import (
	"net/http"
	"strings"
	"testing"
)

// An admin's way in by the command, and out again.
func TestAdminLinkSessionsAndSignOut(t *testing.T) {
	s := startSystem(t, systemOptions{world: func(_ *demoWorld, settings map[string]any) {
		settings["admins"] = []map[string]any{{"email": "it@firm.example"}, {"email": "office@firm.example", "tenants": []string{demoFirms()[0].Domain}}}
	}})
	unnamed := s.cli("admin", "link")
	unnamed.wants(t, exitFailed)
	if !strings.Contains(unnamed.stderr, "it@firm.example, office@firm.example") {
		t.Errorf("of two: %s", unnamed.stderr)
	}
	s.cli("admin", "link", "--email", "nobody@firm.example").wants(t, exitFailed)
	none := s.cli("admin", "sessions")
	none.wants(t, exitOK)
	if none.stdout != "no admin is signed in\n" {
		t.Errorf("nobody: %q", none.stdout)
	}

	made := s.cli("admin", "link", "--email", "Office@firm.example", "--json")
	made.wants(t, exitOK)
	link := oneDocument(t, made.stdout)
	if link["email"] != "office@firm.example" || link["expires"] == nil {
		t.Errorf("%v", link)
	}
	address, token, _ := strings.Cut(link["url"].(string), "#")
	if address != s.world.public+"/admin" {
		t.Errorf("the link leads to %s", address)
	}
	v := &visitor{t: t, public: s.world.public}
	res, body := v.request(http.MethodPost, "/admin/api/session", `{"link":"`+token+`"}`)
	if res.StatusCode != http.StatusNoContent {
		t.Fatalf("%s %s", res.Status, body)
	}
	for _, c := range res.Cookies() {
		v.cookie = c
	}
	if res, body := v.request(http.MethodGet, "/admin/api/agents", ""); res.StatusCode != http.StatusOK || !strings.Contains(body, s.firm().Agents[0].Name) {
		t.Errorf("%s %s", res.Status, body)
	}

	list := s.cli("admin", "sessions")
	list.wants(t, exitOK)
	if !strings.Contains(list.stdout, "office@firm.example") || !strings.Contains(list.stdout, "link") {
		t.Errorf("the table:\n%s", list.stdout)
	}
	rows := s.cli("admin", "sessions", "--json")
	rows.wants(t, exitOK)
	if n := len(oneDocument(t, rows.stdout)["sessions"].([]any)); n != 1 {
		t.Errorf("%d sessions", n)
	}
	out := s.cli("admin", "sign-out", "--email", "office@firm.example")
	out.wants(t, exitOK)
	if out.stdout != "admins' sessions ended: 1\n" {
		t.Errorf("%q", out.stdout)
	}
	if res, _ := v.request(http.MethodGet, "/admin/api/agents", ""); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("after sign-out: %s", res.Status)
	}
}
