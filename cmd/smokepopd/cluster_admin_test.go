package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/simulator"
)

const (
	providersAdmin = "it@provider.example"
	firmsAdmin     = "office@firm.example"
)

// withAdmins is a cluster of two firms, with an admin of both and one of the first.
func withAdmins() systemOptions {
	return systemOptions{firms: demoFirms(), world: func(w *demoWorld, settings map[string]any) {
		settings["admins"] = []map[string]any{{"email": providersAdmin}, {"email": firmsAdmin, "tenants": []string{w.firms[0].Domain}}}
	}}
}

// adminAt signs an admin in: the link is made at one node and taken at the next.
func (c *clusterOf) adminAt(i int, email string) *visitor {
	c.t.Helper()
	var made adminLink
	if err := newAdminClient(c.nodes[i].socket).call(c.t.Context(), http.MethodPost, "/v1/admin/links", nil, adminName{email}, &made); err != nil {
		c.t.Fatal(err)
	}
	c.through((i + 1) % len(c.nodes))
	v := &visitor{t: c.t, public: c.world.public}
	_, token, _ := strings.Cut(made.URL, "#")
	res, body := v.request(http.MethodPost, "/admin/api/session", fmt.Sprintf(`{"link":%q}`, token))
	if res.StatusCode != http.StatusNoContent {
		c.t.Fatalf("%s %s", res.Status, body)
	}
	v.cookie = res.Cookies()[0]
	return v
}

// asks sends a request of an admin's page and returns the status, and the answer
// where it is JSON.
func (v *visitor) asks(method, path string, body any) (int, map[string]any) {
	v.t.Helper()
	text := ""
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			v.t.Fatal(err)
		}
		text = string(b)
	}
	res, answer := v.request(method, "/admin/api"+path, text)
	if got := res.Header.Get("X-Content-Type-Options"); got != "nosniff" {
		v.t.Errorf("%s %s: X-Content-Type-Options is %q", method, path, got)
	}
	var out map[string]any
	if answer != "" && json.Unmarshal([]byte(answer), &out) != nil {
		v.t.Fatalf("%s %s: %s", method, path, answer)
	}
	return res.StatusCode, out
}

// rows are the rows of a list in an admin's answer, as "tenant/extension" or the
// field that is named.
func (v *visitor) rows(path, list, field string) []string {
	v.t.Helper()
	status, answer := v.asks(http.MethodGet, path, nil)
	if status != http.StatusOK {
		v.t.Fatalf("%s: %d %v", path, status, answer)
	}
	all := []string{}
	for _, one := range answer[list].([]any) {
		row := one.(map[string]any)
		if field == "" {
			all = append(all, fmt.Sprintf("%v/%v", row["tenant"], row["extension"]))
		} else {
			all = append(all, fmt.Sprint(row[field]))
		}
	}
	return all
}

// followTrace follows the trace at the page; lines come until the test or the
// answer ends.
func (v *visitor) followTrace() (next func() string, shut func()) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.public+"/admin/api/trace?follow=1", nil)
	if err != nil {
		v.t.Fatal(err)
	}
	req.AddCookie(v.cookie)
	patient := *plainClient
	patient.Timeout = 0
	res, err := patient.Do(req)
	if err != nil || res.StatusCode != http.StatusOK {
		v.t.Fatalf("%v %v", res, err)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	return func() string {
		for lines.Scan() {
			if lines.Text() != "" {
				return lines.Text()
			}
		}
		return ""
	}, func() { _ = res.Body.Close() }
}

func extensionsOf(firms ...*simulator.Firm) []string {
	var all []string
	for _, f := range firms {
		for _, a := range f.Agents {
			all = append(all, f.Domain+"/"+a.Extension)
		}
	}
	slices.Sort(all)
	return all
}

// The admin page is one at every node: an admin is signed in at all of them, sees
// every tenant that is his and nothing of any other, and does what he does, whichever
// nodes have the tenants.
func TestClusterAdminPage(t *testing.T) {
	c := startCluster(t, 3, withAdmins())
	c.settled(3)
	ours, theirs := c.world.firms[0], c.world.firms[1]
	everybody, firm := c.adminAt(0, providersAdmin), c.adminAt(1, firmsAdmin)
	me, other := ours.Agents[0], theirs.Agents[0]
	v := c.paired(me)
	for i, f := range []*simulator.Firm{ours, theirs} {
		c.until(func() bool {
			status, _ := c.hookOf(f.Domain, event{"event": "ringing", "call_id": fmt.Sprint("call-", i), "from": f.Callers[0].E164(), "to": f.Agents[0].Extension})
			return status == http.StatusAccepted
		})
	}
	for i := range c.nodes {
		c.through(i)
		if got := everybody.rows("/agents", "agents", ""); !slices.Equal(slices.Sorted(slices.Values(got)), extensionsOf(ours, theirs)) {
			t.Errorf("node %d shows everybody's admin %v", i, got)
		} else if again := everybody.rows("/agents", "agents", ""); !slices.Equal(got, again) {
			t.Errorf("the board was %v and is %v", got, again)
		}
		if got := firm.rows("/agents", "agents", ""); !slices.Equal(slices.Sorted(slices.Values(got)), extensionsOf(ours)) {
			t.Errorf("node %d shows the firm's admin %v", i, got)
		}
		status, who := everybody.asks(http.MethodGet, "/me", nil)
		if tenants, _ := who["tenants"].([]any); status != http.StatusOK || len(tenants) != 2 {
			t.Errorf("node %d tells everybody's admin %d %v", i, status, who)
		}
		for _, list := range []struct {
			path, list, field string
			everybody, firm   []string
		}{
			{"/calls", "calls", "call", []string{"call-0", "call-1"}, []string{"call-0"}},
			{"/directory", "directories", "tenant", []string{ours.Domain, theirs.Domain}, []string{ours.Domain}},
			{"/sessions", "sessions", "", []string{ours.Domain + "/" + me.Extension}, []string{ours.Domain + "/" + me.Extension}},
			{"/calls?tenant=" + ours.Domain, "calls", "call", []string{"call-0"}, []string{"call-0"}},
		} {
			for who, want := range map[*visitor][]string{everybody: list.everybody, firm: list.firm} {
				got := who.rows(list.path, list.list, list.field)
				slices.Sort(got)
				if slices.Sort(want); !slices.Equal(got, want) {
					t.Errorf("node %d, %s: %v, want %v", i, list.path, got, want)
				}
			}
		}
		for who, want := range map[*visitor][]string{everybody: {ours.Domain, theirs.Domain}, firm: {ours.Domain}} {
			tenants := who.rows("/trace", "entries", "tenant")
			slices.Sort(tenants)
			if got := slices.Compact(tenants); len(got) != len(want) {
				t.Errorf("node %d: the trace is of %v, want %v", i, got, want)
			}
		}
		if status, answer := everybody.asks(http.MethodGet, "/configuration", nil); status != http.StatusOK || !strings.Contains(fmt.Sprint(answer["yaml"]), theirs.Domain) {
			t.Errorf("node %d, the configuration: %d %v", i, status, answer)
		}
		if status, answer := firm.asks(http.MethodGet, "/configuration", nil); status != http.StatusOK || strings.Contains(fmt.Sprint(answer["yaml"]), theirs.Domain) {
			t.Errorf("node %d, the firm's configuration: %d %v", i, status, answer)
		}
		c.foreign(firm, theirs)
		c.nobody(&visitor{t: t, public: c.world.public}, ours)
		c.administers(everybody, theirs, other)
		c.administers(firm, ours, ours.Agents[1])
	}
	// What ends something does so for the agent's page, wherever it is open.
	for i, door := range []int{1, 2} {
		c.through(door)
		sc := v.reopen()
		c.through(i)
		if i == 0 {
			status, done := firm.asks(http.MethodPost, "/unpair", map[string]string{"tenant": ours.Domain, "extension": me.Extension, "reason": "you move"})
			if status != http.StatusOK || done["was_paired"] != true {
				t.Fatalf("unpair: %d %v", status, done)
			}
			for f := sc.await("pairing"); !strings.Contains(fmt.Sprint(dig(f, "pairing", "problem")), "you move"); f = sc.await("pairing") {
			}
			_ = sc.conn.Close()
			continue
		}
		if status, done := firm.asks(http.MethodPost, "/sign-out", map[string]string{"tenant": ours.Domain, "extension": me.Extension}); status != http.StatusOK || done["sessions"] != 1.0 {
			t.Fatalf("sign out: %d %v", status, done)
		}
		sc.gone()
	}
	c.through(0)
	if status, _ := firm.asks(http.MethodDelete, "/session", nil); status != http.StatusNoContent {
		t.Errorf("signing out: %d", status)
	}
	for i := range c.nodes {
		c.through(i)
		if status, _ := firm.asks(http.MethodGet, "/agents", nil); status != http.StatusUnauthorized {
			t.Errorf("signed out, and node %d answers with %d", i, status)
		}
	}
}

// administers does at a firm what an admin does who ends nothing.
func (c *clusterOf) administers(admin *visitor, f *simulator.Firm, agent simulator.Agent) {
	c.t.Helper()
	whom := map[string]string{"tenant": f.Domain, "extension": agent.Extension}
	status, made := admin.asks(http.MethodPost, "/invites", whom)
	url, _ := made["url"].(string)
	if status != http.StatusOK || url == "" {
		c.t.Fatalf("invite: %d %v", status, made)
	}
	signIn(c.t, url)
	if status, tried := admin.asks(http.MethodPost, "/dry-run", map[string]string{"tenant": f.Domain, "content_type": "application/json", "body": `{"event":"ringing","call_id":"x","from":"` + f.Callers[0].E164() + `","to":"` + agent.Extension + `"}`}); status != http.StatusOK || tried["verdict"] != "accepted" {
		c.t.Errorf("dry run: %d %v", status, tried)
	}
	if status, answer := admin.asks(http.MethodPost, "/directory/refresh?tenant="+f.Domain, map[string]string{}); status != http.StatusNotFound || !strings.Contains(fmt.Sprint(answer["detail"]), "pbx.api.url") {
		c.t.Errorf("refresh: %d %v", status, answer)
	}
	if status, answer := admin.asks(http.MethodGet, "/numbers?tenant="+f.Domain+"&extension="+agent.Extension, nil); status != http.StatusConflict {
		c.t.Errorf("numbers of who is not paired: %d %v", status, answer)
	}
	if status, ended := admin.asks(http.MethodPost, "/sign-out", whom); status != http.StatusOK || ended["sessions"] != 1.0 {
		c.t.Errorf("sign out: %d %v", status, ended)
	}
	if status, done := admin.asks(http.MethodPost, "/unpair", whom); status != http.StatusOK || done["was_paired"] != false {
		c.t.Errorf("unpair: %d %v", status, done)
	}
}

// foreign asks for what is not the admin's firm's: it is told as little as of a firm
// that there is not.
func (c *clusterOf) foreign(admin *visitor, theirs *simulator.Firm) {
	c.t.Helper()
	for _, domain := range []string{theirs.Domain, "nobody.example.com"} {
		whom := map[string]string{"tenant": domain, "extension": theirs.Agents[0].Extension}
		for _, ask := range []struct {
			method, path string
			body         any
		}{
			{"GET", "/agents?tenant=" + domain, nil}, {"GET", "/calls?tenant=" + domain, nil}, {"GET", "/numbers?tenant=" + domain, nil},
			{"GET", "/numbers?tenant=" + domain + "&extension=" + theirs.Agents[0].Extension, nil}, {"GET", "/directory?tenant=" + domain, nil},
			{"GET", "/trace?tenant=" + domain + "&extension=" + theirs.Agents[0].Extension, nil}, {"POST", "/directory/refresh?tenant=" + domain, whom},
			{"POST", "/invites", whom}, {"POST", "/sign-out", whom}, {"POST", "/unpair", whom},
			{"POST", "/dry-run", map[string]string{"tenant": domain, "body": "{}"}},
		} {
			if status, answer := admin.asks(ask.method, ask.path, ask.body); status != http.StatusNotFound {
				c.t.Errorf("%s %s %v: %d %v", ask.method, ask.path, ask.body, status, answer)
			}
		}
		if got := admin.rows("/sessions?tenant="+domain, "sessions", ""); len(got) != 0 {
			c.t.Errorf("sessions of %s: %v", domain, got)
		}
		if got := admin.rows("/trace?tenant="+domain, "entries", "call"); len(got) != 0 {
			c.t.Errorf("the trace of %s: %v", domain, got)
		}
	}
}

// nobody asks without being signed in.
func (c *clusterOf) nobody(v *visitor, f *simulator.Firm) {
	c.t.Helper()
	for _, path := range []string{"/agents", "/calls", "/trace?follow=1", "/sessions", "/directory?tenant=" + f.Domain, "/me"} {
		if status, answer := v.asks(http.MethodGet, path, nil); status != http.StatusUnauthorized {
			c.t.Errorf("%s: %d %v", path, status, answer)
		}
	}
	if status, answer := v.asks(http.MethodPost, "/unpair", map[string]string{"tenant": f.Domain, "extension": f.Agents[0].Extension}); status != http.StatusUnauthorized {
		c.t.Errorf("unpair: %d %v", status, answer)
	}
}

// The trace of all tenants is followed as one, wherever they are: what is on record
// by time, then what comes. A firm's admin has his firm's alone. It ends when a part
// changes hands, and is whole again for who asks anew.
func TestClusterAdminFollowsTheTrace(t *testing.T) {
	c := startCluster(t, 3, withAdmins())
	c.settled(3)
	ours, theirs := c.world.firms[0], c.world.firms[1]
	ring := func(f *simulator.Firm, id string) {
		t.Helper()
		c.until(func() bool {
			status, _ := c.hookOf(f.Domain, event{"event": "ringing", "call_id": id, "from": f.Callers[0].E164(), "to": f.Agents[0].Extension})
			return status == http.StatusAccepted
		})
	}
	everybody, firm := c.adminAt(0, providersAdmin), c.adminAt(1, firmsAdmin)
	ring(theirs, "one")
	ring(ours, "two")
	ring(theirs, "three")
	for i := range c.nodes {
		c.through(i)
		next, shut := everybody.followTrace()
		only, shutToo := firm.followTrace()
		past := firstOfEach(next, "one", "two", "three")
		if !slices.Equal(past, []string{"one", "two", "three"}) {
			t.Errorf("node %d: what is on record is %v", i, past)
		}
		a, b := fmt.Sprint("theirs-", i), fmt.Sprint("ours-", i)
		ring(theirs, a)
		if got := firstOfEach(next, a); got[len(got)-1] != a {
			t.Errorf("node %d: then comes %v", i, got)
		}
		ring(ours, b)
		if got := firstOfEach(next, b); got[len(got)-1] != b {
			t.Errorf("node %d: then comes %v", i, got)
		}
		for _, id := range firstOfEach(only, b) {
			if id != "two" && !strings.HasPrefix(id, "ours-") {
				t.Errorf("node %d tells the firm's admin of call %s", i, id)
			}
		}
		shut()
		shutToo()
	}
	// The command follows all of them too.
	body, err := newAdminClient(c.socket).open(t.Context(), http.MethodGet, "/v1/trace", map[string][]string{"follow": {"1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(body)
	if !lines.Scan() || !strings.Contains(lines.Text(), `"one"`) {
		t.Errorf("the command begins with %q", lines.Text())
	}
	_ = body.Close()

	// Who signs out at one node follows nothing at another any more.
	c.through(0)
	only, shutOnly := firm.followTrace()
	defer shutOnly()
	firstOfEach(only, "two")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for only() != "" {
		}
	}()
	c.through(1)
	if status, _ := firm.asks(http.MethodDelete, "/session", nil); status != http.StatusNoContent {
		t.Fatalf("signing out: %d", status)
	}
	select {
	case <-ended:
	case <-time.After(waitAtMost):
		t.Error("the trace is followed by who has signed out")
	}

	next, shut := everybody.followTrace()
	defer shut()
	c.nodes[c.owner()].stop()
	for next() != "" {
	}
	for i := range c.nodes {
		c.through(i)
		if newAdminClient(c.socket).call(t.Context(), http.MethodGet, "/v1/members", nil, nil, nil) == nil {
			break
		}
	}
	c.settledHere()
	again, shutAgain := everybody.followTrace()
	defer shutAgain()
	ring(theirs, "afterwards")
	firstOfEach(again, "afterwards")
	ring(ours, "and-then")
	firstOfEach(again, "and-then")
}

// settledHere waits until the two nodes that are left have everything, as this one sees it.
func (c *clusterOf) settledHere() {
	c.t.Helper()
	c.until(func() bool {
		var out struct {
			Members []any
			Settled bool
		}
		return newAdminClient(c.socket).call(c.t.Context(), http.MethodGet, "/v1/members", nil, nil, &out) == nil && len(out.Members) == 2 && out.Settled
	})
}

// firstOfEach reads entries until each of the calls was told of, and returns the
// calls in the order of their first entry.
func firstOfEach(next func() string, calls ...string) (order []string) {
	for line := next(); line != ""; line = next() {
		var e struct{ Call string }
		if json.Unmarshal([]byte(line), &e) != nil {
			continue
		}
		if !slices.Contains(order, e.Call) {
			order = append(order, e.Call)
		}
		if !slices.ContainsFunc(calls, func(id string) bool { return !slices.Contains(order, id) }) {
			return order
		}
	}
	return append(order, "(the end)")
}
