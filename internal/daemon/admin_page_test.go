package daemon

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

const itsAdmin = "it@firm.example"

func withAdmin(o *officeOptions) {
	o.config = func(c map[string]any) { c["admins"] = []map[string]any{{"email": itsAdmin}} }
}

// adminEnters signs an admin in, as the command and the page do, and returns the
// cookie.
func (f *office) adminEnters() string {
	f.t.Helper()
	var made struct{ URL string }
	f.ask("POST", "http://"+adminAddress+"/v1/admin/links", "", map[string]string{"email": itsAdmin}, &made)
	_, link, _ := strings.Cut(made.URL, "#")
	return f.ask("POST", ourURL+"/admin/api/session", "", map[string]string{"link": link}, nil)
}

// adminFollows opens the trace of an admin's page.
func (f *office) adminFollows(cookie string) (*bufio.Scanner, func()) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), "GET", ourURL+"/admin/api/trace?follow=1", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Cookie", cookie)
	res, err := f.client.Do(r)
	if err != nil || res.StatusCode != http.StatusOK {
		f.t.Fatalf("%v %v", res, err)
	}
	return bufio.NewScanner(res.Body), func() { _ = res.Body.Close() }
}

// A page that follows the trace does not hold the daemon up when it stops, though
// its answer is on the agents' listener and has no end of its own.
func TestAFollowedTraceEndsWithTheDaemon(t *testing.T) {
	inOffice(t, withAdmin, func(f *office, firm *simulator.Firm) {
		lines, shut := f.adminFollows(f.adminEnters())
		defer shut()
		f.call("one", firm.Agents[0].Extension, firm.Callers[0].E164(), "ringing")
		if !lines.Scan() || !strings.Contains(lines.Text(), `"call":"one"`) {
			t.Fatalf("followed %q", lines.Text())
		}
		read := make(chan struct{})
		go func() {
			defer close(read)
			for lines.Scan() {
			}
		}()
		began := time.Now() // of a clock that nothing but timers moves
		f.halt()
		if took := time.Since(began); took >= stopTimeout {
			f.t.Errorf("stopping took %s", took)
		}
		<-read
		f.halt = func() {}
	})
}

// Who is an admin is a matter of the configuration as it is now.
func TestReloadOfAdmins(t *testing.T) {
	inOffice(t, withAdmin, func(f *office, _ *simulator.Firm) {
		cookie := f.adminEnters()
		lines, shut := f.adminFollows(cookie)
		defer shut()
		status := func() int {
			r, err := http.NewRequestWithContext(f.t.Context(), "GET", ourURL+"/admin/api/configuration", nil)
			if err != nil {
				f.t.Fatal(err)
			}
			r.Header.Set("Cookie", cookie)
			res, err := f.client.Do(r)
			if err != nil {
				f.t.Fatal(err)
			}
			defer res.Body.Close()
			return res.StatusCode
		}
		var shown struct {
			YAML   string
			Loaded time.Time
		}
		f.ask("GET", ourURL+"/admin/api/configuration", cookie, nil, &shown)
		if !strings.Contains(shown.YAML, itsAdmin) || strings.Contains(shown.YAML, "webhook-password") {
			f.t.Errorf("the configuration is %s", shown.YAML)
		}
		time.Sleep(time.Minute)
		f.reload(f.changed(func(c *config.Config, t *config.Tenant) { t.Pops.Outbound = false }))
		before := shown.Loaded
		f.ask("GET", ourURL+"/admin/api/configuration", cookie, nil, &shown)
		if !strings.Contains(shown.YAML, "outbound: false") || !shown.Loaded.After(before) {
			f.t.Errorf("after the reload, loaded %s: %s", shown.Loaded, shown.YAML)
		}

		f.reload(f.changed(func(c *config.Config, _ *config.Tenant) {
			c.Admins = []config.Admin{{Email: "another@firm.example"}}
		}))
		for lines.Scan() {
			if strings.TrimSpace(lines.Text()) != "" {
				f.t.Errorf("followed %q", lines.Text())
			}
		}
		if got := status(); got != http.StatusUnauthorized {
			f.t.Errorf("after the reload without the admin: %d", got)
		}
	})
}

// What the admin sees of an agent's authorisation is what has become of it.
func TestTheBoardTellsOfUseAndFailure(t *testing.T) {
	inOffice(t, withAdmin, func(f *office, firm *simulator.Firm) {
		cookie := f.adminEnters()
		type row struct {
			Extension   string
			Pairing     screenpop.Pairing
			Screens     int
			LastUse     time.Time `json:"last_use"`
			LastFailure *struct {
				At      time.Time
				Problem string
			} `json:"last_failure"`
		}
		board := func() row {
			f.t.Helper()
			var list struct{ Agents []row }
			f.ask("GET", ourURL+"/admin/api/agents?extension="+firm.Agents[0].Extension, cookie, nil, &list)
			if len(list.Agents) != 1 {
				f.t.Fatalf("%v", list.Agents)
			}
			return list.Agents[0]
		}
		if got := board(); got.Pairing.State != screenpop.Paired || got.Screens != 1 || !got.LastUse.IsZero() || got.LastFailure != nil {
			f.t.Errorf("at first: %+v", got)
		}
		rang := time.Now()
		f.call("one", firm.Agents[0].Extension, firm.Callers[0].E164(), "ringing")
		if got := board(); got.LastUse.Before(rang) || got.LastUse.After(time.Now()) || got.LastFailure != nil {
			f.t.Errorf("after a call: %+v", got)
		}
		f.firms[0].smokeball.RevokeUser(firm.Agents[0].Email)
		f.call("two", firm.Agents[0].Extension, firm.Callers[1].E164(), "ringing")
		if got := board(); got.Pairing.State != screenpop.Expired || got.LastFailure == nil || got.LastFailure.At.Before(rang) || !strings.Contains(got.LastFailure.Problem, "Pair again") {
			f.t.Errorf("after the end of the authorisation: %+v, %+v", got, got.LastFailure)
		}
	})
}
