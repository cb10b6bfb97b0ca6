package crashtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
	"github.com/smokepop/smokepop/internal/smokeball"
	"github.com/smokepop/smokepop/internal/tokens"
	"github.com/smokepop/smokepop/internal/vault"
)

const redirect = "https://pop.firm.example/pair/callback"

// word is what a run says on its standard output: that an agent's authorisation
// is about to become another (Saved false: the server has given it, or an
// unpairing begins), and that it has and somebody has been told (Saved true).
// Both tokens empty stand for no authorisation.
type word struct {
	Agent   string
	Saved   bool
	Access  string
	Refresh string
}

func (w word) say() {
	b, err := json.Marshal(w)
	if err != nil {
		panic(err)
	}
	// In one write, or two threads' words would mix.
	if _, err := os.Stdout.Write(append(b, '\n')); err != nil {
		panic(err)
	}
}

// clerk is the real client of the authorisation server, who says what the server
// gave before anybody else has it.
type clerk struct {
	*smokeball.OAuth
	mu     sync.Mutex
	owners map[string]string // of codes and refresh tokens: the agent's extension
}

func (c *clerk) note(what, owner string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owners[what] = owner
}

func (c *clerk) owner(what string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.owners[what]
}

func (c *clerk) gave(owner string, g smokeball.Grant, err error) (smokeball.Grant, error) {
	if err == nil {
		c.note(g.RefreshToken.Reveal(), owner)
		word{Agent: owner, Access: g.AccessToken.Reveal(), Refresh: g.RefreshToken.Reveal()}.say()
	}
	return g, err
}

func (c *clerk) Exchange(ctx context.Context, code, verifier string) (smokeball.Grant, error) {
	g, err := c.OAuth.Exchange(ctx, code, verifier)
	return c.gave(c.owner(code), g, err)
}

func (c *clerk) Refresh(ctx context.Context, refresh string) (smokeball.Grant, error) {
	g, err := c.OAuth.Refresh(ctx, refresh)
	return c.gave(c.owner(refresh), g, err)
}

type directory []screenpop.Agent

func (d directory) Agents() []screenpop.Agent { return d }

func (d directory) Agent(id screenpop.AgentID) (screenpop.Agent, bool) {
	i := slices.IndexFunc(d, func(a screenpop.Agent) bool { return a.AgentID == id })
	if i < 0 {
		return screenpop.Agent{}, false
	}
	return d[i], true
}

// office is a run's world: a firm at a Smokeball that rotates refresh tokens,
// and a keeper on a store in a directory.
type office struct {
	dir       string
	firm      *simulator.Firm
	smokeball *simulator.Smokeball
	clerk     *clerk
	store     *vault.Store
	keeper    *tokens.Keeper
}

const refreshes = 4

func stateDir(dir string) string { return filepath.Join(dir, "state") }
func keyFile(dir string) string  { return filepath.Join(dir, "etc", "smokepop.key") }

// run is the process that is traced.
func run(dir, what string) error {
	ctx := context.Background()
	o := &office{dir: dir, firm: simulator.NewFirm()}
	o.firm.Agents = slices.DeleteFunc(o.firm.Agents, func(a simulator.Agent) bool {
		return !slices.ContainsFunc(o.firm.Staff, func(s simulator.Staff) bool {
			return s.Email == a.Email && s.UserID != "" && !s.Former && !s.Disabled // who can sign in
		})
	})
	client := simulator.DefaultClient(redirect)
	o.smokeball = simulator.NewSmokeball(simulator.Options{Firm: o.firm, Clients: []simulator.Client{client}, Rotation: true})
	web := httptest.NewServer(o.smokeball)
	defer web.Close()
	o.clerk = &clerk{owners: map[string]string{}, OAuth: smokeball.NewOAuth(smokeball.OAuthConfig{
		AuthBase: web.URL, ClientID: client.ID, ClientSecret: screenpop.Secret(client.Secret), RedirectURL: redirect, HTTP: web.Client(),
	})}
	if err := vault.GenerateKey(keyFile(dir)); err != nil {
		return err
	}
	turns, known := runs[what]
	if !known {
		return fmt.Errorf("there is no run %q", what)
	}
	for _, turn := range turns {
		if err := turn(o, ctx); err != nil {
			return err
		}
	}
	return nil
}

// runs are the runs there are, each as turns of a daemon's life.
var runs = map[string][]func(*office, context.Context) error{
	"pairings": {(*office).day},
	// A rotation while the daemon works, and one while it is stopped.
	"rotation": {(*office).rotatingDay, (*office).rotatingNight, (*office).afterwards},
}

// day is a daemon's life from start to stop, in which all agents pair and their
// tokens are refreshed, all at the same time.
func (o *office) day(ctx context.Context) error {
	return o.open(ctx, func() error { return o.everybody(ctx, o.work) })
}

// rotatingDay is a day in which the keys are rotated: a new key is put into the
// key file, the store goes on with it, everything is sealed with it, and the old
// key is taken out.
func (o *office) rotatingDay(ctx context.Context) error {
	return o.open(ctx, func() error {
		if err := o.everybody(ctx, o.pair); err != nil {
			return err
		}
		working := make(chan error, 1)
		go func() { working <- o.everybody(ctx, o.work) }()
		return errors.Join(o.rotate(ctx), <-working)
	})
}

// rotatingNight is a rotation in a store nobody else uses.
func (o *office) rotatingNight(ctx context.Context) error {
	return o.open(ctx, func() error { return o.rotate(ctx) })
}

// afterwards is a start with the new key alone, and a little work.
func (o *office) afterwards(ctx context.Context) error {
	return o.open(ctx, func() error { return o.everybody(ctx, o.refresh) })
}

// rotate does what "keys rotate" does.
func (o *office) rotate(ctx context.Context) error {
	if _, err := vault.AddKey(keyFile(o.dir)); err != nil {
		return err
	}
	keys, err := vault.LoadKeys(keyFile(o.dir))
	if err != nil {
		return err
	}
	if err := o.store.UseKeys(ctx, keys); err != nil {
		return err
	}
	use, err := o.store.Reseal(ctx)
	if err != nil {
		return err
	}
	if !use.Settled() || len(use.Unreadable) > 0 {
		return fmt.Errorf("after the rotation: %+v", use)
	}
	return vault.DropKeys(keyFile(o.dir), keys.IDs()[1:]...)
}

// open runs a daemon's part around do.
func (o *office) open(ctx context.Context, do func() error) error {
	keys, err := vault.LoadKeys(keyFile(o.dir))
	if err != nil {
		return err
	}
	o.store, err = vault.Open(ctx, stateDir(o.dir), keys, vault.Options{})
	if err != nil {
		return err
	}
	var agents directory
	for _, a := range o.firm.Agents {
		agents = append(agents, screenpop.Agent{AgentID: o.id(a), Name: a.Name, Email: a.Email})
	}
	o.keeper, err = tokens.New(tokens.Config{
		Tenants: []tokens.TenantConfig{{Tenant: screenpop.Tenant(o.firm.Domain), OAuth: o.clerk}}, Store: o.store, Directory: agents,
	})
	if err != nil {
		return errors.Join(err, o.store.Close())
	}
	running, stop := context.WithCancel(ctx)
	ran := make(chan error, 1)
	go func() { ran <- o.keeper.Run(running) }()
	err = do()
	stop()
	return errors.Join(err, <-ran, o.store.Close())
}

func (o *office) id(a simulator.Agent) screenpop.AgentID {
	return screenpop.AgentID{Tenant: screenpop.Tenant(o.firm.Domain), Extension: screenpop.Extension(a.Extension)}
}

// everybody lets all agents do the same at once.
func (o *office) everybody(ctx context.Context, do func(context.Context, simulator.Agent) error) error {
	done := make(chan error, len(o.firm.Agents))
	for _, a := range o.firm.Agents {
		go func() { done <- do(ctx, a) }()
	}
	var err error
	for range o.firm.Agents {
		err = errors.Join(err, <-done)
	}
	return err
}

// work is an agent's day: pairing, refreshes, pairing anew, and for every other
// agent an unpairing between.
func (o *office) work(ctx context.Context, a simulator.Agent) error {
	if err := o.pair(ctx, a); err != nil {
		return err
	}
	if err := o.refresh(ctx, a); err != nil {
		return err
	}
	if a.Extension[len(a.Extension)-1]%2 == 0 {
		if err := o.unpair(ctx, a); err != nil {
			return err
		}
	}
	if err := o.pair(ctx, a); err != nil {
		return err
	}
	return o.refresh(ctx, a)
}

func (o *office) pair(ctx context.Context, a simulator.Agent) error {
	target, err := o.keeper.Begin(ctx, o.id(a), a.Extension)
	if err != nil {
		return err
	}
	back, err := o.smokeball.SignIn(target, a.Email)
	if err != nil {
		return err
	}
	u, err := url.Parse(back)
	if err != nil {
		return err
	}
	o.clerk.note(u.Query().Get("code"), a.Extension)
	if _, _, err := o.keeper.Finish(ctx, a.Extension, u.Query()); err != nil {
		return err
	}
	token, err := o.keeper.Token(ctx, o.id(a))
	if err != nil {
		return err
	}
	word{Agent: a.Extension, Saved: true, Access: token.Reveal()}.say()
	return nil
}

func (o *office) refresh(ctx context.Context, a simulator.Agent) error {
	for range refreshes {
		stale, err := o.keeper.Token(ctx, o.id(a))
		if err != nil {
			return err
		}
		token, err := o.keeper.Renew(ctx, o.id(a), stale)
		if err != nil {
			return err
		}
		word{Agent: a.Extension, Saved: true, Access: token.Reveal()}.say()
	}
	return nil
}

func (o *office) unpair(ctx context.Context, a simulator.Agent) error {
	word{Agent: a.Extension}.say()
	if _, err := o.keeper.Unpair(ctx, o.id(a)); err != nil {
		return err
	}
	word{Agent: a.Extension, Saved: true}.say()
	return nil
}
