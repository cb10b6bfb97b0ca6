package vodia

import (
	"context"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

// simulated starts a PBX that was written from the same contract by somebody
// else.
func simulated(t *testing.T, o simulator.PBXOptions) (*simulator.PBX, *Client) {
	o.Firm = simulator.NewFirm()
	p := simulator.NewPBX(o)
	server := httptest.NewServer(p)
	admin := simulator.DefaultAdmin()
	c, err := New(Config{BaseURL: server.URL, Domain: o.Firm.Domain, Username: admin.User, Password: screenpop.Secret(admin.Password),
		HTTP: server.Client(), Rate: 1e6, User: o.Firm.Agents[0].Extension})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); p.Close(); server.Close() })
	return p, c
}

func TestSimulatedDirectory(t *testing.T) {
	for _, shape := range simulator.DirectoryShapes() {
		for _, key := range []string{"email", "email_address"} {
			_, c := simulated(t, simulator.PBXOptions{Directory: shape, EmailKey: key})
			firm := simulator.NewFirm()
			d, err := c.Directory(t.Context())
			if err != nil || len(d.Gaps) > 0 || len(d.Accounts) != len(firm.Directory()) {
				t.Fatalf("%s: %d accounts of %d, gaps %v, %v", shape, len(d.Accounts), len(firm.Directory()), d.Gaps, err)
			}
			for _, agent := range firm.Agents {
				i := slices.IndexFunc(d.Accounts, func(a Account) bool { return a.Extension == agent.Extension })
				if i < 0 || d.Accounts[i].Email != agent.Email || d.Accounts[i].Name != agent.Name || d.Accounts[i].Kind != Extension {
					t.Errorf("%s: %+v, want %+v", shape, d.Accounts[max(0, i)], agent)
				}
				for _, g := range d.Groups {
					if g.Except == nil && g.Has(agent.Extension) != slices.Contains(agent.Groups, g.ID) ||
						g.Except != nil && g.Has(agent.Extension) == slices.Contains(g.Except, agent.Extension) {
						t.Errorf("%s: %s in %+v", shape, agent.Extension, g)
					}
				}
			}
			for _, a := range firm.Directory() {
				i := slices.IndexFunc(d.Accounts, func(o Account) bool { return o.Extension == a.Number })
				if i < 0 || string(d.Accounts[i].Kind) != a.Kind {
					t.Errorf("%s: %+v, want %+v", shape, d.Accounts[max(0, i)], a)
				}
			}
		}
	}
}

func TestSimulatedHooks(t *testing.T) {
	p, c := simulated(t, simulator.PBXOptions{})
	ext := simulator.NewFirm().Agents[0].Extension
	const foreign = `{"auth":"none","method":"GET","url":"https://other.example/x"}`
	for level, on := range map[Level]string{Tenant: "", Level(ext): ext} {
		if !p.SetHook(on, "acturl_dnd", foreign) {
			t.Fatal("the PBX refuses the foreign webhook")
		}
		before := p.Hooks(on)["acturl_dnd"]
		want := map[string]Hook{HookNewCall: {Method: "POST", URL: "https://smokepop.example/h", Auth: "basic", User: "u", Password: "pw", Encoding: "json", Body: "x"}}
		for range 2 {
			if err := c.SetHooks(t.Context(), level, want, nil); err != nil {
				t.Fatalf("%s: %v", level, err)
			}
			if got := p.Hooks(on); len(got) != 2 || got["acturl_dnd"] != before {
				t.Errorf("%s: %v", level, got)
			}
		}
		there, err := c.Hooks(t.Context(), level)
		if err != nil || !there[HookNewCall].Same(want[HookNewCall]) {
			t.Errorf("%s: %+v, %v", level, there, err)
		}
		err = c.SetHooks(t.Context(), level, map[string]Hook{HookNewCall: {}}, func(string, Hook) bool { return true })
		if got := p.Hooks(on); err != nil || len(got) != 1 || got["acturl_dnd"] != before {
			t.Errorf("%s: taken off: %v, %v", level, got, err)
		}
	}
}

func TestSimulatedDial(t *testing.T) {
	ext := simulator.NewFirm().Agents[0].Extension
	p, c := simulated(t, simulator.PBXOptions{AdminsActForUsers: true})
	if err := c.Dial(t.Context(), ext, "+16173998147"); err != nil {
		t.Fatal(err)
	}
	if d := <-p.Dials(); d.Extension != ext || d.Number != "+16173998147" {
		t.Errorf("%+v", d)
	}
	_, c = simulated(t, simulator.PBXOptions{})
	if err := c.Dial(t.Context(), ext, "+16173998147"); !is(err, Forbidden) {
		t.Errorf("%v", err)
	}
}

// A call is heard of while it lasts, over a cut and a restart of the PBX.
func TestSimulatedLiveCalls(t *testing.T) {
	firm := simulator.NewFirm()
	ext := firm.Agents[0].Extension
	p, c := simulated(t, simulator.PBXOptions{})
	calls, states, stop := watching(t, c)
	defer stop()
	connected := func() {
		t.Helper()
		if err := <-states; err != nil {
			t.Fatal(err)
		}
		if got := <-calls; len(got) > 1 {
			t.Fatalf("%+v", got)
		}
	}
	connected()
	step := simulator.Step{Event: simulator.NewCall, Extension: ext, CallID: "a", From: "<sip:+16173998147@x>", To: "sip:" + ext + "@x", Direction: "inbound"}
	p.Send(context.Background(), step)
	ringing := <-calls
	if len(ringing) != 1 || ringing[0].ID != "a" || ringing[0].Connected || !slices.Equal(ringing[0].Extensions, []string{ext}) ||
		ringing[0].From != "+16173998147" || ringing[0].Direction != "inbound" {
		t.Fatalf("%+v", ringing)
	}
	p.CutSockets()
	if why := <-states; !is(why, Unreachable) {
		t.Fatalf("%v", why)
	}
	connected()
	p.EndSessions()
	p.CutSockets()
	<-states
	connected()
	step.Event = simulator.Connect
	p.Send(context.Background(), step)
	if got := <-calls; len(got) != 1 || !got[0].Connected {
		t.Errorf("%+v", got)
	}
	step.Event = simulator.CallEnd
	p.Send(context.Background(), step)
	if got := <-calls; len(got) != 0 {
		t.Errorf("%+v", got)
	}
	for _, a := range p.SocketActions() {
		if a != "domain-calls" && a != "avoid-disconnect" {
			t.Errorf("asked for %s", a)
		}
	}
}
