package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// A frame in a page of another site is connected at any node, whichever has its
// tenant, also where it was connected for an agent of another firm before.
func TestClusterConnectsAFrame(t *testing.T) {
	c := startCluster(t, 3, systemOptions{firms: demoFirms(), world: func(_ *demoWorld, settings map[string]any) {
		settings["embed"] = map[string]any{"allowed_parents": []string{"https://portal.firm.example"}}
	}})
	c.settled(3)
	connect := func(own *visitor, frame *visitor, from, to int) int {
		t.Helper()
		c.through(from)
		res, answer := own.request(http.MethodPost, "/api/embed/ticket", "")
		var made struct{ Ticket string }
		if err := json.Unmarshal([]byte(answer), &made); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s %s", res.Status, answer)
		}
		c.through(to)
		res, _ = frame.request(http.MethodPost, "/api/embed/session", `{"ticket":"`+made.Ticket+`"}`)
		if cookies := res.Cookies(); len(cookies) == 1 {
			frame.cookie = cookies[0]
		}
		if again, _ := frame.request(http.MethodPost, "/api/embed/session", `{"ticket":"`+made.Ticket+`"}`); again.StatusCode != http.StatusForbidden {
			t.Errorf("used once more: %s", again.Status)
		}
		return res.StatusCode
	}
	frame := &visitor{t: t, public: c.world.public}
	for i := range c.nodes {
		for _, f := range c.world.firms {
			url, err := c.world.invite(t.Context(), newAdminClient(c.nodes[i].socket), f.Domain, f.Agents[0].Extension)
			if err != nil {
				t.Fatal(err)
			}
			if status := connect(signIn(t, url), frame, i, (i+1)%3); status != http.StatusNoContent {
				t.Fatalf("connecting at node %d: %d", (i+1)%3, status)
			}
			c.through((i + 2) % 3)
			if res, me := frame.request(http.MethodGet, "/api/me", ""); res.StatusCode != http.StatusOK || !strings.Contains(me, f.Agents[0].Name) {
				t.Errorf("%s %s", res.Status, me)
			}
		}
	}
}

// While NATS is away whatever an agent or an admin asks of any node, is answered with
// 503, when to come again and a plain sentence; nothing is used up by it, and everybody
// is signed in as before when it is back.
func TestClusterSaysThatItPasses(t *testing.T) {
	c := startCluster(t, 2, withAdmins())
	c.settled(2)
	me := c.firm().Agents[0]
	admin, v := c.adminAt(0, providersAdmin), c.paired(me)
	invite := c.invite(c.firm().Agents[1].Extension)
	_, token, _ := strings.Cut(invite, "#")
	whom := fmt.Sprintf(`{"tenant":%q,"extension":%q}`, c.domain(), me.Extension)
	c.stopNATS()
	for i := range c.nodes {
		c.through(i)
		c.until(func() bool { return strings.Contains(c.get("http://"+c.ops+"/readyz"), "NATS does not answer") })
		stranger := &visitor{t: t, public: c.world.public}
		for _, ask := range []struct {
			who                *visitor
			method, path, body string
		}{
			{v, "GET", "/api/me", ""}, {v, "POST", "/api/pair", ""}, {v, "DELETE", "/api/pair", ""}, {v, "DELETE", "/api/session", ""}, {v, "PUT", "/api/settings", `{"sound":true}`},
			{stranger, "POST", "/api/session", `{"invite":"` + token + `"}`}, {stranger, "POST", "/admin/api/session", `{"link":"` + token + `"}`},
			{admin, "GET", "/admin/api/me", ""}, {admin, "GET", "/admin/api/agents", ""}, {admin, "GET", "/admin/api/trace?follow=1", ""}, {admin, "POST", "/admin/api/invites", whom},
		} {
			res, body := ask.who.request(ask.method, ask.path, ask.body)
			if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || !strings.Contains(body, "Nothing is lost") {
				t.Errorf("node %d, %s %s: %s, Retry-After %q, %s", i, ask.method, ask.path, res.Status, res.Header.Get("Retry-After"), body)
			}
		}
	}
	err := newAdminClient(c.socket).call(t.Context(), http.MethodPost, "/v1/admin/links", nil, adminName{providersAdmin}, nil)
	if err == nil || !strings.Contains(err.Error(), "Nothing is lost") {
		t.Errorf("the command: %v", err)
	}
	c.startNATS()
	for i := range c.nodes {
		c.through(i)
		c.until(func() bool { return strings.Contains(c.get("http://"+c.ops+"/readyz"), `"ready"`) })
	}
	if res, body := v.request("GET", "/api/me", ""); res.StatusCode != http.StatusOK || !strings.Contains(body, `"paired"`) {
		t.Errorf("%s %s", res.Status, body)
	}
	if got := admin.rows("/agents", "agents", ""); len(got) != len(extensionsOf(c.world.firms...)) {
		t.Errorf("%v", got)
	}
	signIn(t, invite)
}

// Of each browser it is told at which nodes its screens are, and its own address, not
// that of a node.
func TestClusterTellsWhereScreensAre(t *testing.T) {
	c := startCluster(t, 3, systemOptions{world: func(_ *demoWorld, settings map[string]any) {
		settings["trusted_proxies"] = []string{"127.0.0.1"}
	}})
	c.settled(3)
	_, token, _ := strings.Cut(c.invite(c.firm().Agents[0].Extension), "#")
	v := &visitor{t: t, public: c.world.public}
	const from = "203.0.113.77"
	behind := func(r *http.Request) {
		r.Header.Set("X-Forwarded-For", from)
		r.Header.Set("Smokepop-Node", "nowhere")
	}
	c.through((c.owner() + 1) % 3)
	res, body := v.request(http.MethodPost, "/api/session", fmt.Sprintf(`{"invite":%q}`, token), behind)
	if res.StatusCode != http.StatusNoContent {
		t.Fatalf("%s %s", res.Status, body)
	}
	v.cookie = res.Cookies()[0]
	for _, at := range []int{2, 0, 1, 0} {
		c.through(at)
		conn, _, err := v.dial("smokepop.v1", func(h http.Header) { h.Set("Smokepop-Node", "nowhere") })
		if err != nil {
			t.Fatal(err)
		}
		sc := v.greeted(conn)
		defer sc.conn.Close()
	}
	for i := range c.nodes {
		c.through(i)
		var list sessionList
		if err := newAdminClient(c.socket).call(t.Context(), http.MethodGet, "/v1/sessions", nil, nil, &list); err != nil || len(list.Sessions) != 1 {
			t.Fatalf("%v %v", list, err)
		}
		if s := list.Sessions[0]; s.Screens != 4 || !slices.Equal(s.Nodes, []string{"a", "a", "b", "c"}) || s.Address != from {
			t.Errorf("node %d tells of %+v", i, s)
		}
		var table, problem bytes.Buffer
		if code := run([]string{"agents", "sessions", "--socket", c.socket}, strings.NewReader(""), &table, &problem); code != exitOK || !strings.Contains(table.String(), "NODES") || !strings.Contains(table.String(), "a a b c") {
			t.Errorf("%d %s%s", code, &table, &problem)
		}
	}
}
