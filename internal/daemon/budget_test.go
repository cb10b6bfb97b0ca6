package daemon

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/smokepop/smokepop/internal/cluster"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// sharer is a member of a cluster that does nothing but ask Smokeball.
type sharer struct {
	*member
	budgets *sharedBudgets
	api     *smokeball.Client
	stop    func()
	cut     func() // off from NATS
}

func (s *sharer) Take(_ context.Context, part int) error { s.budgets.take(part); return nil }
func (s *sharer) Release(_ context.Context, part int)    { s.budgets.release(part) }
func (s *sharer) Lost(part int)                          { s.budgets.release(part) }
func (s *sharer) ask(ctx context.Context, token string) error {
	// The newest ring comes first; here the oldest request does, or some would
	// wait for ever.
	since := time.Unix(0, 0).Add(-time.Duration(asked.Add(1)))
	_, err := s.api.Firm(smokeball.WithPriority(ctx, smokeball.Priority{Since: since}), screenpop.Secret(token))
	return err
}

var asked atomic.Int64

// budgetOffice is a Smokeball with a limit, as strict as a busy machine allows, and who asks it.
type budgetOffice struct {
	t         *testing.T
	smokeball *simulator.Smokeball
	places    *budgetPlaces
	id        smokeball.BudgetID
	base      string
	key       screenpop.Secret
	nats      string
	token     string
}

const sharedTenant = "law.example"

func newBudgetOffice(t *testing.T, limit smokeball.Limit) *budgetOffice {
	t.Helper()
	ns, err := natsd.NewServer(&natsd.Options{Host: "127.0.0.1", Port: natsd.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	if !ns.ReadyForConnections(20 * time.Second) {
		t.Fatal("NATS does not start")
	}
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	client := simulator.DefaultClient("https://smokepop.example/pair/callback")
	o := &budgetOffice{t: t, nats: ns.ClientURL()}
	o.smokeball = simulator.NewSmokeball(simulator.Options{
		Firm: simulator.NewFirm(), Clients: []simulator.Client{client},
		RateLimit: simulator.RateLimit{PerSecond: limit.PerSecond, Burst: float64(limit.Burst), Slack: 400 * time.Millisecond},
	})
	web := httptest.NewServer(o.smokeball)
	t.Cleanup(web.Close)
	o.base, o.key, o.id = web.URL, screenpop.Secret(client.APIKey), smokeball.BudgetOf(web.URL, client.ID)
	o.places = &budgetPlaces{
		parts:  map[smokeball.BudgetID]int{o.id: cluster.PartOf(sharedTenant)},
		limits: map[smokeball.BudgetID]smokeball.Limit{o.id: limit},
	}
	oauth := smokeball.NewOAuth(smokeball.OAuthConfig{
		AuthBase: web.URL, ClientID: client.ID, ClientSecret: screenpop.Secret(client.Secret), RedirectURL: client.RedirectURLs[0], HTTP: smokeball.NewHTTPClient("test"),
	})
	verifier := smokeball.NewVerifier()
	back, err := o.smokeball.SignIn(oauth.AuthorizeURL("s", verifier), simulator.NewFirm().Agents[0].Email)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	grant, err := oauth.Exchange(t.Context(), u.Query().Get("code"), verifier)
	if err != nil {
		t.Fatal(err)
	}
	o.token = grant.AccessToken.Reveal()
	return o
}

func (o *budgetOffice) join(name string) *sharer {
	o.t.Helper()
	nc, err := nats.Connect(o.nats, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		o.t.Fatal(err)
	}
	s := &sharer{member: &member{}, budgets: newSharedBudgets(o.places, nil), cut: nc.Close}
	s.Cluster, err = cluster.Join(o.t.Context(), cluster.Config{
		Conn: nc, Name: "t", Node: name, Secrets: [][]byte{make([]byte, 32)}, Parts: s,
		Wanted: func(int) bool { return true }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		o.t.Fatal(err)
	}
	l, err := s.Listen(serviceBudget)
	if err != nil {
		o.t.Fatal(err)
	}
	s.budgets.join(s.member)
	lends := newBudgetServer(s.budgets.Budgets, l)
	http := smokeball.NewHTTPClient("test")
	s.api = smokeball.NewClient(smokeball.ClientConfig{
		APIBase: o.base, APIKey: o.key, ClientID: o.id.ClientID, HTTP: http, Budget: s.budgets.For(o.base, o.id.ClientID, 0, 0),
	})
	work, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(lends.serve)
	running.Go(func() { _ = s.budgets.run(work, s.member) })
	member, leave := context.WithCancel(context.Background())
	running.Go(func() {
		if err := s.Run(member, member, 10*time.Second, func() {}); err != nil && !nc.IsClosed() {
			o.t.Errorf("%s: %v", name, err)
		}
		cancel()
		lends.stop()
	})
	s.stop = sync.OnceFunc(func() {
		leave()
		running.Wait()
		nc.Close()
		http.CloseIdleConnections()
	})
	o.t.Cleanup(s.stop)
	return s
}

func (o *budgetOffice) until(holds func() bool) {
	o.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if holds() {
			return
		}
	}
	o.t.Fatal("it never came")
}

func (o *budgetOffice) settled(all ...*sharer) {
	o.t.Helper()
	o.until(func() bool {
		return !slices.ContainsFunc(all, func(s *sharer) bool { return len(s.Members()) != len(all) || !s.Settled() })
	})
}

func (o *budgetOffice) keeper(all ...*sharer) int {
	o.t.Helper()
	at := -1
	o.until(func() bool {
		at = slices.IndexFunc(all, func(s *sharer) bool { return s.budgets.Role(o.id).Lends })
		return at >= 0
	})
	return at
}

// Three nodes ask as fast as they can with one client id: none is refused, also
// while the node that keeps the budget hands it over, and all are served.
func TestNodesShareABudget(t *testing.T) {
	o := newBudgetOffice(t, smokeball.Limit{PerSecond: 40, Burst: 10})
	all := []*sharer{o.join("a"), o.join("b"), o.join("c")}
	o.settled(all...)
	began := time.Now()
	served := make([]atomic.Int64, len(all))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i, s := range all {
		for range 4 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if err := s.ask(t.Context(), o.token); err != nil {
						t.Errorf("node %d: %v", i, err)
						return
					}
					served[i].Add(1)
				}
			})
		}
	}
	each := func(n int64) func() bool {
		return func() bool {
			return !slices.ContainsFunc([]int{0, 1, 2}, func(i int) bool { return served[i].Load() < n })
		}
	}
	o.until(each(10))
	// The part goes to another node and comes back.
	keeper := o.keeper(all...)
	d := o.join("d")
	o.until(func() bool { return len(all[0].Members()) == 4 && all[0].Settled() })
	all[keeper].stop() // its requests go on, out of its share
	o.until(func() bool { return d.Settled() && len(d.Members()) == 3 })
	before := served[(keeper+1)%3].Load()
	o.until(func() bool { return served[(keeper+1)%3].Load() >= before+10 })
	close(stop)
	wg.Wait()
	// Who does not keep the budget asks for each request, and counts what it is told.
	if m := all[(keeper+1)%3].budgets.metrics; testutil.ToFloat64(m.by[loanGranted]) < 10 {
		t.Errorf("%v requests were granted, of ten that were asked for", testutil.ToFloat64(m.by[loanGranted]))
	}
	sum := int64(0)
	for i := range served {
		sum += served[i].Load()
	}
	if n := o.smokeball.RateLimited(); n > 0 {
		t.Errorf("%d of %d requests were refused", n, sum)
	}
	t.Logf("%d requests in %v at 40 a second", sum, time.Since(began).Round(time.Millisecond))
}

// Cut off from NATS, each node goes on with its share at once, and asks again
// when NATS is back.
func TestANodeThatIsCutOffGoesOnWithItsShare(t *testing.T) {
	o := newBudgetOffice(t, smokeball.Limit{PerSecond: 60, Burst: 30})
	all := []*sharer{o.join("a"), o.join("b"), o.join("c")}
	o.settled(all...)
	keeper := o.keeper(all...)
	alone := all[(keeper+1)%3]
	// On a busy machine it may take who asks a moment to be heard.
	o.until(func() bool {
		if err := alone.ask(t.Context(), o.token); err != nil {
			t.Fatal(err)
		}
		return alone.budgets.Role(o.id) == smokeball.Role{}
	})
	o.until(func() bool { return alone.budgets.share().Share == 1.0/3 }) // it has seen all of them
	alone.cut()
	for range 5 {
		if err := alone.ask(t.Context(), o.token); err != nil {
			t.Fatal(err)
		}
	}
	if has := alone.budgets.Role(o.id); has != (smokeball.Role{Share: 1.0 / 3}) {
		t.Errorf("who is cut off has %+v of the budget", has)
	}
	// Who keeps the budget leaves it its share.
	o.until(func() bool { return len(all[keeper].Members()) == 2 && all[keeper].Settled() })
	o.until(func() bool {
		at := o.keeper(all[keeper], all[(keeper+2)%3])
		return []*sharer{all[keeper], all[(keeper+2)%3]}[at].budgets.Role(o.id).Share == 2.0/3
	})
	if n := o.smokeball.RateLimited(); n > 0 {
		t.Errorf("%d requests were refused", n)
	}
}
