package daemon

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

// changed copies the configuration in use, with the first tenant changed.
func (f *office) changed(change func(*config.Config, *config.Tenant)) *config.Config {
	next := *f.daemon.cfg
	next.Tenants = slices.Clone(next.Tenants)
	next.Tenants[0].Agents = slices.Clone(next.Tenants[0].Agents)
	change(&next, &next.Tenants[0])
	return &next
}

// reload puts a configuration into effect.
func (f *office) reload(next *config.Config) {
	f.t.Helper()
	f.next = next
	if err := f.daemon.reload(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	synctest.Wait()
}

// inOffice opens an office of one firm whose first two agents have a screen.
func inOffice(t *testing.T, change func(*officeOptions), do func(f *office, firm *simulator.Firm)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		firm := simulator.NewFirm()
		o := officeOptions{firms: []*simulator.Firm{firm}, dir: dir, desks: func(a simulator.Agent) bool {
			return a.Extension == firm.Agents[0].Extension || a.Extension == firm.Agents[1].Extension
		}}
		if change != nil {
			change(&o)
		}
		f := openOffice(t, o)
		defer func() { f.stop() }()
		do(f, firm)
	})
}

func (f *office) call(id, extension, number, event string) {
	f.t.Helper()
	f.hook(`{"event":"` + event + `","call_id":"` + id + `","extension":"` + extension + `","from":"` + number + `","to":"+16175550100"}`)
	time.Sleep(time.Second)
}

// A call and a screen are there before, and go on after: nothing closes, nothing
// rings twice, the recent calls stay. What was changed holds from the next call.
func TestReloadDisturbsNoCall(t *testing.T) {
	inOffice(t, nil, func(f *office, firm *simulator.Firm) {
		one, caller, other := firm.Agents[0].Extension, firm.Callers[0], firm.Callers[1]
		f.call("over", one, other.E164(), "ringing")
		f.call("over", one, other.E164(), "terminated")
		f.call("on", one, caller.E164(), "ringing")
		before, ids := f.shows(one)
		d := f.desks[firm.Domain+" "+one]
		refreshed := f.metric(`smokepop_token_refresh_total{outcome="refreshed"}`)
		f.reload(f.changed(func(_ *config.Config, t *config.Tenant) {
			t.Pops.Inbound = false
			t.Lookup.Cache = time.Second
			t.PBX.IgnoreNumbers = nil
		}))
		select {
		case <-d.left:
			f.t.Fatal("the screen was closed")
		default:
		}
		if after, same := f.shows(one); !slices.Equal(after, before) || !slices.Equal(same, ids) || len(d.recent) != 1 {
			f.t.Errorf("shows %q, want %q; %d recent", after, before, len(d.recent))
		}
		f.call("on", one, caller.E164(), "connected")
		f.call("next", one, other.E164(), "ringing")
		if after, _ := f.shows(one); len(after) != 1 || !strings.HasSuffix(after[0], " connected") {
			f.t.Errorf("shows %q: inbound calls pop no more, and the one that did goes on", after)
		}
		f.call("on", one, caller.E164(), "terminated")
		if after, _ := f.shows(one); len(after) != 0 {
			f.t.Errorf("shows %q after the end", after)
		}
		if n := f.metric(`smokepop_token_refresh_total{outcome="refreshed"}`); n != refreshed {
			f.t.Errorf("%v tokens were refreshed for a reload", n-refreshed)
		}
	})
}

func TestReloadOfAgents(t *testing.T) {
	inOffice(t, nil, func(f *office, firm *simulator.Firm) {
		one, two, caller := firm.Agents[0].Extension, firm.Agents[1].Extension, firm.Callers[0]
		f.call("both", one+`,`+two, caller.E164(), "ringing")
		gone := f.desks[firm.Domain+" "+two]
		f.reload(f.changed(func(_ *config.Config, t *config.Tenant) {
			t.Agents = slices.DeleteFunc(t.Agents, func(a screenpop.Agent) bool { return string(a.Extension) == two })
			t.Agents = append(t.Agents, screenpop.Agent{AgentID: screenpop.AgentID{Tenant: t.Domain, Extension: "555"}, Name: "New Here"})
		}))
		<-gone.left // signed out by the admin's change
		if got, _ := f.shows(one); len(got) != 1 {
			f.t.Errorf("%s shows %q", one, got)
		}
		var invite struct{ URL string }
		f.ask("POST", "http://"+adminAddress+"/v1/invites", "", map[string]string{"tenant": firm.Domain, "extension": "555"}, &invite)
		if invite.URL == "" {
			f.t.Error("the new agent cannot be invited")
		}
		f.call("later", two, caller.E164(), "ringing") // unknown-extension now
		if n := f.metric(`smokepop_events_skipped_total{reason="unknown-extension"}`); n != 1 {
			f.t.Errorf("%v events for an extension that is gone", n)
		}
	})
}

// A tenant that is taken out has its pops ended and is not there; it comes back
// with its pairings.
func TestReloadOfTenants(t *testing.T) {
	inOffice(t, func(o *officeOptions) { o.firms = append(o.firms, simulator.NewAustralianFirm()) }, func(f *office, firm *simulator.Firm) {
		one, caller := firm.Agents[0].Extension, firm.Callers[0]
		f.call("c", one, caller.E164(), "ringing")
		whole := f.daemon.cfg
		f.reload(f.changed(func(c *config.Config, _ *config.Tenant) { c.Tenants = c.Tenants[1:] }))
		d := f.desks[firm.Domain+" "+one]
		<-d.left
		if n := f.metric(`smokepop_tracked_calls{state="live"}`); n != 0 {
			f.t.Errorf("%v calls are live", n)
		}
		f.reload(whole)
		_ = d.conn.Close()
		d.left = make(chan struct{})
		d.open(f)
		f.call("again", one, caller.E164(), "ringing")
		if got, _ := f.shows(one); len(got) != 1 || strings.HasPrefix(got[0], "?") {
			f.t.Errorf("shows %q: the pairing should be there again", got)
		}
	})
}

// The secrets of an account may change while calls come in.
func TestReloadOfCredentials(t *testing.T) {
	inOffice(t, nil, func(f *office, firm *simulator.Firm) {
		one, caller := firm.Agents[0].Extension, firm.Callers[0]
		f.reload(f.changed(func(_ *config.Config, t *config.Tenant) { t.Smokeball.APIKey = "a-wrong-key" }))
		f.call("refused", one, caller.E164(), "ringing")
		if got, _ := f.shows(one); len(got) != 0 {
			f.t.Errorf("shows %q with a wrong API key", got)
		}
		f.reload(f.changed(func(_ *config.Config, t *config.Tenant) {
			t.Smokeball.APIKey = screenpop.Secret(simulator.DefaultClient(ourURL + "/pair/callback").APIKey)
		}))
		f.call("good", one, caller.E164(), "ringing")
		if got, _ := f.shows(one); len(got) != 1 {
			f.t.Errorf("shows %q with the right API key", got)
		}
		f.reload(f.changed(func(_ *config.Config, t *config.Tenant) { t.PBX.Webhook.Password = "another-password" }))
		res, err := f.client.Post("http://vodia:webhook-password@"+ourAddress+"/hooks/vodia/"+firm.Domain+"?event=ringing&call_id=x&from=1&to=2", "", nil)
		if err != nil {
			f.t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != 401 {
			f.t.Errorf("the old webhook password gets %s", res.Status)
		}
	})
}

// The PBX's websocket and directory go on where nothing was changed about them,
// and are left alone where they are not wanted any more.
func TestReloadOfThePBX(t *testing.T) {
	inOffice(t, func(o *officeOptions) { o.events = "both" }, func(f *office, firm *simulator.Firm) {
		time.Sleep(time.Minute)
		connected := func(want, lost float64) {
			f.t.Helper()
			time.Sleep(time.Minute)
			if n := f.metric("smokepop_pbx_websockets_connected"); n != want {
				f.t.Errorf("%v PBXs are listened to, want %v", n, want)
			}
			if n := f.metric("smokepop_pbx_websockets_lost_total"); n != lost {
				f.t.Errorf("%v websockets lost, want %v", n, lost)
			}
		}
		connected(1, 0)
		f.reload(f.changed(func(_ *config.Config, t *config.Tenant) { t.Pops.Outbound = false }))
		connected(1, 0)
		f.reload(f.changed(func(_ *config.Config, t *config.Tenant) { t.PBX.Events = "webhook" }))
		connected(0, 0)
		f.reload(f.changed(func(_ *config.Config, t *config.Tenant) { t.PBX.Events = "both" }))
		connected(1, 0)
	})
}

// A refused reload changes nothing, and says which key it is about.
func TestRefusedReloadChangesNothing(t *testing.T) {
	inOffice(t, nil, func(f *office, firm *simulator.Firm) {
		one, caller := firm.Agents[0].Extension, firm.Callers[0]
		for name, next := range map[string]*config.Config{
			"tenants[0].region": nil,
			"listen.pbx": f.changed(func(c *config.Config, t *config.Tenant) {
				c.Listen.PBX, t.Pops.Inbound = ":9999", false
			}),
			"tenant " + firm.Domain: f.changed(func(_ *config.Config, t *config.Tenant) {
				t.Lookup.Search, t.Pops.Inbound = []string{"no-such-search"}, false
			}),
			"tenant " + firm.Domain + ": pbx.api": f.changed(func(_ *config.Config, t *config.Tenant) {
				t.PBX.API.URL, t.Pops.Inbound = "::no url", false
			}),
		} {
			f.next = next
			before := f.daemon.cfg
			err := f.daemon.reload(f.t.Context())
			if err == nil || !strings.Contains(err.Error(), name) {
				f.t.Errorf("%s: %v", name, err)
			}
			if f.daemon.cfg != before {
				f.t.Errorf("%s: the configuration is another", name)
			}
			f.call(name, one, caller.E164(), "ringing")
			if got, _ := f.shows(one); len(got) != 1 {
				f.t.Errorf("%s: shows %q", name, got)
			}
			f.call(name, one, caller.E164(), "terminated")
		}
	})
}

// Each key of the configuration either takes effect by a reload or is named when
// it does not.
func TestEveryKeyIsReloadedOrNamed(t *testing.T) {
	byReload := []string{"tenants", "log.level", "tracing", "audit", "admins"}
	var keys []string
	add := func(prefix string, of reflect.Type) {
		for i := range of.NumField() {
			if name := of.Field(i).Tag.Get("mapstructure"); name != "" && name != "-" {
				keys = append(keys, prefix+name)
			}
		}
	}
	add("", reflect.TypeFor[config.Config]())
	keys = slices.DeleteFunc(keys, func(k string) bool { return k == "listen" || k == "log" })
	add("listen.", reflect.TypeFor[config.Listen]())
	add("log.", reflect.TypeFor[config.Log]())
	for _, k := range keys {
		named := slices.ContainsFunc(fixed, func(f struct {
			key string
			of  func(*config.Config) any
		}) bool {
			return f.key == k
		})
		if named == slices.Contains(byReload, k) {
			t.Errorf("%s: named %v", k, named)
		}
	}
}
