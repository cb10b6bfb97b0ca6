package directory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	. "github.com/smokepop/smokepop/internal/directory"
	"github.com/smokepop/smokepop/internal/screenpop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const firm screenpop.Tenant = "firm.example"

// exchange is a PBX that says what it is told to.
type exchange struct {
	mu   sync.Mutex
	says Reading
	err  error
	hang bool
	at   []time.Time
}

func (x *exchange) Read(ctx context.Context) (Reading, error) {
	x.mu.Lock()
	r, err, hang := x.says, x.err, x.hang
	x.at = append(x.at, time.Now())
	x.mu.Unlock()
	if hang {
		<-ctx.Done()
		return Reading{}, ctx.Err()
	}
	return r, err
}

func (x *exchange) set(r Reading, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.says, x.err = r, err
}

func (x *exchange) readings() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.at)
}

// people is a reading of extensions, each "number name email alias...".
func people(lines ...string) Reading {
	r := Reading{Shape: "userlist"}
	for _, line := range lines {
		f := append(strings.Fields(line), "", "", "")
		a := Account{Number: f[0], Kind: Extension, Name: f[1], Email: f[2]}
		for _, alias := range f[3:] {
			if alias != "" {
				a.Aliases = append(a.Aliases, alias)
			}
		}
		r.Accounts = append(r.Accounts, a)
	}
	return r
}

func agent(ext, name, email string, groups ...string) screenpop.Agent {
	return screenpop.Agent{AgentID: screenpop.AgentID{Tenant: firm, Extension: screenpop.Extension(ext)}, Name: name, Email: email, Groups: groups}
}

func id(ext string) screenpop.AgentID {
	return screenpop.AgentID{Tenant: firm, Extension: screenpop.Extension(ext)}
}

// rig is a Directory of one tenant, running.
type rig struct {
	*Directory
	t    *testing.T
	mu   sync.Mutex
	news []string
	reg  *prometheus.Registry
	stop func()
}

// run is called in a bubble; stop ends it. The first reading is over.
func run(t *testing.T, x *exchange, configured ...screenpop.Agent) *rig {
	t.Helper()
	r := &rig{t: t, reg: prometheus.NewRegistry()}
	tenant := Tenant{Domain: firm, Agents: configured, Groups: []string{"intake"}, Refresh: time.Hour}
	if x != nil {
		tenant.Source = x
	}
	d, err := New(Config{Tenants: []Tenant{tenant}, Metrics: r.reg, Changed: func(_ screenpop.Tenant, list []Change) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, c := range list {
			r.news = append(r.news, fmt.Sprint(c.Kind, " ", c.Agent.Extension))
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	r.Directory = d
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- d.Run(ctx) }()
	r.stop = func() {
		cancel()
		if err := <-ran; err != nil {
			t.Errorf("run: %v", err)
		}
	}
	synctest.Wait()
	return r
}

func bubble(t *testing.T, do func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, do)
}

// show lists the agents, "extension name email [groups]".
func (r *rig) show() string {
	var out []string
	for _, a := range r.Agents() {
		line := strings.Join([]string{string(a.Extension), a.Name, a.Email}, " ")
		if len(a.Groups) > 0 {
			line += fmt.Sprint(" ", a.Groups)
		}
		out = append(out, strings.TrimSpace(line))
	}
	return strings.Join(out, "|")
}

func (r *rig) wants(want string) {
	r.t.Helper()
	if got := r.show(); got != want {
		r.t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func (r *rig) took() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.news
	r.news = nil
	slices.Sort(out)
	return out
}

func (r *rig) report() Report { return r.Reports()[0] }

func TestConfigurationWins(t *testing.T) {
	bubble(t, func(t *testing.T) {
		says := people("101 Priya priya@pbx", "102 Dan dan@pbx", "103 Grace grace@pbx")
		says.Accounts[0].Groups = []string{"7", "Intake"}
		says.Accounts = append(says.Accounts, Account{Number: "600", Kind: RingGroup, Name: "Front desk"})
		r := run(t, &exchange{says: says}, agent("102", "Daniel", "", "litigation"), agent("101", "", "priya@firm"), agent("199", "Only here", ""))
		defer r.stop()
		r.wants("102 Daniel dan@pbx [litigation]|101 Priya priya@firm [7 Intake intake]|199 Only here|103 Grace grace@pbx")
		if a, ok := r.Account(firm, "600"); !ok || a.Name != "Front desk" || a.Kind != RingGroup {
			t.Errorf("600 is %+v", a)
		}
		if _, ok := r.Agent(id("600")); ok {
			t.Error("a ring group is no agent")
		}
		if name, ok := r.AccountName(firm, "103"); !ok || name != "Grace" {
			t.Errorf("103 is %q", name)
		}
		if _, ok := r.Agent(screenpop.AgentID{Tenant: "other.example", Extension: "101"}); ok {
			t.Error("the tenants are not apart")
		}
	})
}

func TestConfigurationAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := run(t, nil, agent("101", "Priya", "p@firm", "intake"), agent("101", "Twice", ""))
		defer r.stop()
		r.wants("101 Priya p@firm [intake]")
		if err := r.Refresh(t.Context(), firm); !errors.Is(err, ErrNoSource) {
			t.Errorf("%v", err)
		}
		if r.report().PBX != nil {
			t.Error("there is no PBX to report of")
		}
	})
}

func TestReadOnSchedule(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x := &exchange{says: people("101 Priya p@firm")}
		r := run(t, x)
		defer r.stop()
		time.Sleep(24 * time.Hour)
		if n := x.readings(); n < 23 || n > 28 {
			t.Errorf("%d readings in a day, want one an hour", n)
		}
		for i := 1; i < len(x.at); i++ {
			if gap := x.at[i].Sub(x.at[i-1]); gap < 54*time.Minute || gap > 66*time.Minute {
				t.Errorf("%v between two", gap)
			}
		}
		x.set(people("101 Priya priya@firm", "102 Dan d@firm"), nil)
		time.Sleep(67 * time.Minute)
		r.wants("101 Priya priya@firm|102 Dan d@firm")
		if got := r.took(); !slices.Equal(got, []string{"added 101", "added 102", "changed 101"}) {
			t.Errorf("%v", got)
		}
	})
}

func TestReadOnDemand(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x := &exchange{says: people("101 Priya p@firm")}
		r := run(t, x)
		x.set(people("101 Priya p@firm", "102 Dan d@firm"), nil)
		if err := r.Refresh(t.Context(), firm); err != nil {
			t.Fatal(err)
		}
		r.wants("101 Priya p@firm|102 Dan d@firm")
		if x.readings() != 2 {
			t.Errorf("%d readings", x.readings())
		}
		if err := r.Refresh(t.Context(), "other.example"); !errors.Is(err, ErrNoSource) {
			t.Errorf("%v", err)
		}

		x.mu.Lock()
		x.hang = true
		x.mu.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Refresh(ctx, firm); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		r.wants("101 Priya p@firm|102 Dan d@firm") // asking takes no lock
		r.stop()
		if err := r.Refresh(t.Context(), firm); !errors.Is(err, ErrStopped) {
			t.Errorf("%v", err)
		}
	})
}

func TestTheLastGoodCopyServesOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x := &exchange{says: people("101 Priya p@firm", "102 Dan d@firm")}
		r := run(t, x)
		defer r.stop()
		r.took()
		x.set(Reading{}, errors.New("the PBX does not answer"))
		began := time.Now()
		time.Sleep(90 * time.Minute)
		r.wants("101 Priya p@firm|102 Dan d@firm")
		p := r.report().PBX
		if p.Outcome != "failed" || p.Problem != "the PBX does not answer" || p.LastSuccess == nil || !p.LastSuccess.Before(began.Add(time.Second)) || !p.LastTry.After(began) {
			t.Errorf("%+v", p)
		}
		if got := r.took(); got != nil {
			t.Errorf("it was announced: %v", got)
		}
		x.set(people("101 Priya p@firm", "102 Dan d@firm", "103 Grace g@firm"), nil)
		time.Sleep(67 * time.Minute)
		r.wants("101 Priya p@firm|102 Dan d@firm|103 Grace g@firm")
		if p := r.report().PBX; p.Outcome != "read" || p.Problem != "" {
			t.Errorf("%+v", p)
		}
	})
}

// A PBX that fails is asked again sooner, with growing pauses; one that refuses
// the password only on schedule, or it may lock us out.
func TestPausesAfterFailures(t *testing.T) {
	for name, c := range map[string]struct {
		err         error
		least, most int // readings within the hour
	}{
		"failing":  {errors.New("no answer"), 8, 12},
		"refusing": {fmt.Errorf("the password is wrong: %w", ErrRefused), 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				x := &exchange{err: c.err}
				r := run(t, x)
				defer r.stop()
				time.Sleep(time.Hour)
				if n := x.readings(); n < c.least || n > c.most {
					t.Errorf("%d readings", n)
				}
				for i := 2; i < len(x.at); i++ {
					if x.at[i].Sub(x.at[i-1]) <= x.at[i-1].Sub(x.at[i-2]) {
						t.Errorf("the pauses do not grow: %v", x.at)
					}
				}
			})
		})
	}
}

// An empty list with 200, or half of one, is likelier a PBX that restarts than
// a firm without people: it counts when it is said twice.
func TestDoubtfulReadings(t *testing.T) {
	whole := people("101 A a@x", "102 B b@x", "103 C c@x", "104 D d@x")
	for name, c := range map[string]struct {
		now      Reading
		doubtful bool
	}{
		"empty":           {people(), true},
		"half":            {people("101 A a@x", "102 B b@x"), true},
		"others":          {people("201 A a@x", "202 B b@x"), true},
		"one is missing":  {people("101 A a@x", "102 B b@x", "103 C c@x"), false},
		"nobody is added": {people("101 A a@x", "102 B b@x", "103 C c@x", "104 D d@x", "105 E e@x"), false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				x := &exchange{says: whole}
				r := run(t, x)
				defer r.stop()
				before := r.show()
				x.set(c.now, nil)
				_ = r.Refresh(t.Context(), firm)
				if (r.show() == before) != c.doubtful || (r.report().PBX.Outcome == "doubtful") != c.doubtful {
					t.Errorf("%s: %+v", r.show(), r.report().PBX)
				}
				if c.doubtful {
					x.set(whole, nil) // it was a restart
					_ = r.Refresh(t.Context(), firm)
					x.set(c.now, nil)
					_ = r.Refresh(t.Context(), firm)
					r.wants(before)
				}
				time.Sleep(2 * time.Minute)
				if len(r.Agents()) != len(c.now.Accounts) {
					t.Errorf("said twice, and there is %s", r.show())
				}
			})
		})
	}
}

// What could not be read this time stays as it was.
func TestGapsAreFilledFromBefore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		says := people("101 Priya p@firm", "102 Dan d@firm")
		says.Accounts[0].Groups = []string{"Intake"}
		says.Accounts = append(says.Accounts, Account{Number: "600", Kind: Queue, Name: "New clients"})
		x := &exchange{says: says}
		r := run(t, x)
		defer r.stop()
		before := r.show()
		now := people("101", "102 Dan d@firm")
		now.Accounts[0].Unread, now.GroupsUnknown, now.OthersUnknown = true, true, true
		now.Gaps = []string{"groups: 403"}
		x.set(now, nil)
		_ = r.Refresh(t.Context(), firm)
		r.wants(before)
		if a, ok := r.Account(firm, "600"); !ok || a.Name != "New clients" {
			t.Errorf("600 is %+v", a)
		}
		if p := r.report().PBX; p.Outcome != "partial" || !slices.Equal(p.Gaps, []string{"groups: 403"}) {
			t.Errorf("%+v", p)
		}
		x.set(people("101 Priya", "102 Dan d@firm"), nil)
		_ = r.Refresh(t.Context(), firm)
		r.wants("101 Priya|102 Dan d@firm") // this time it was read, and is empty
		if _, ok := r.Account(firm, "600"); ok {
			t.Error("600 is gone and still there")
		}
	})
}

func TestAliases(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x := &exchange{says: people("101 Priya p@firm 9101 5550101", "102 Dan d@firm 9102 9199 103", "104 Tom t@firm 9199", "103 Grace g@firm")}
		r := run(t, x)
		defer r.stop()
		phones := Phones{r.Directory}
		for number, want := range map[string]string{"101": "101", "9101": "101", "5550101": "101", "9102": "102", "103": "103", "9199": "", "999": ""} {
			if a, ok := phones.Agent(id(number)); string(a.Extension) != want || ok != (want != "") {
				t.Errorf("%s leads to %q, want %q", number, a.Extension, want)
			}
		}
		if _, ok := r.Agent(id("9101")); ok {
			t.Error("a session can be looked up by an alias")
		}
		want := []Shared{{Alias: "103", Extensions: []screenpop.Extension{"102", "103"}}, {Alias: "9199", Extensions: []screenpop.Extension{"102", "104"}}}
		if got := r.report().SameAlias; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v, want %v", got, want)
		}
		x.set(people("101 Priya p@firm", "102 Dan d@firm 9101", "104 Tom t@firm", "103 Grace g@firm"), nil)
		_ = r.Refresh(t.Context(), firm)
		if a, _ := phones.Agent(id("9101")); a.Extension != "102" {
			t.Errorf("the alias has moved, and leads to %q", a.Extension)
		}
	})
}

func TestReport(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x := &exchange{says: people("101 Priya p@firm", "102 Priya P@FIRM", "103 Grace", "1000 Zoe", "104 Tom t@firm")}
		r := run(t, x, agent("199", "Only here", "o@firm"), agent("600", "No person", "n@firm"))
		defer r.stop()
		now := people("101 Priya p@firm", "102 Priya P@FIRM", "103 Grace", "1000 Zoe")
		now.Accounts = append(now.Accounts, Account{Number: "600", Kind: RingGroup})
		x.set(now, nil)
		_ = r.Refresh(t.Context(), firm)
		rep := r.report()
		got := fmt.Sprint(rep.Agents, rep.WithoutEmail, rep.SameEmail, rep.SameName, rep.NotAtPBX, rep.Gone)
		if want := "6 [103 1000] [{ [101 102]}] [{ [101 102]}] [199 600] [104]"; got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
		if a, ok := r.Known(id("104")); !ok || a.Name != "Tom" {
			t.Errorf("who is gone is forgotten: %+v", a)
		}
		if _, ok := r.Agent(id("104")); ok {
			t.Error("who is gone still gets pops")
		}
		x.set(people("101 Priya p@firm", "102 Priya P@FIRM", "103 Grace", "1000 Zoe", "104 Tom t@firm"), nil)
		_ = r.Refresh(t.Context(), firm)
		if rep := r.report(); len(rep.Gone) != 0 {
			t.Errorf("%v are back", rep.Gone)
		}
	})
}

// Who was paired before a restart is an agent until the PBX tells otherwise.
func TestAssumedUntilRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x := &exchange{err: errors.New("away")}
		r := run(t, x)
		defer r.stop()
		r.Assume([]screenpop.AgentID{id("101"), id("102"), {Tenant: "other.example", Extension: "103"}})
		r.wants("101|102")
		x.set(people("101 Priya p@firm", "104 Tom t@firm", "105 Bo b@firm"), nil)
		_ = r.Refresh(t.Context(), firm)
		r.wants("101 Priya p@firm|104 Tom t@firm|105 Bo b@firm")
		if _, ok := r.Known(id("102")); !ok {
			t.Error("102 is forgotten")
		}
		r.Assume([]screenpop.AgentID{id("102")})
		if _, ok := r.Agent(id("102")); ok {
			t.Error("the PBX has told, and an assumption counts more")
		}
	})
}

// Readers are many and see one whole copy, while readings go on.
func TestReadersAndReadings(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x := &exchange{says: people("101 A a@x", "102 A a@x")}
		r := run(t, x)
		defer r.stop()
		stop := make(chan struct{})
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if list := r.Agents(); list[0].Name != list[1].Name {
						t.Errorf("half of a copy: %v", list)
						return
					}
					_, _ = r.Agent(id("101"))
					time.Sleep(time.Millisecond)
				}
			})
		}
		for i := range 100 {
			name := string(rune('A' + i%26))
			x.set(people("101 "+name+" a@x", "102 "+name+" a@x"), nil)
			_ = r.Refresh(t.Context(), firm)
		}
		close(stop)
		readers.Wait()
	})
}

func TestMetricsTellOfReadings(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x := &exchange{says: people("101 A a@x", "102 B b@x")}
		r := run(t, x, agent("103", "C", ""))
		defer r.stop()
		x.set(Reading{}, errors.New("away"))
		_ = r.Refresh(t.Context(), firm)
		families, err := r.reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, f := range families {
			for _, m := range f.Metric {
				name := f.GetName()
				for _, l := range m.Label {
					name += " " + l.GetValue()
				}
				got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
		for name, want := range map[string]float64{
			"smokepop_directory_refresh_total read": 1, "smokepop_directory_refresh_total failed": 1,
			"smokepop_directory_agents pbx": 2, "smokepop_directory_agents configuration": 1, "smokepop_directory_agents pairing": 0,
		} {
			if got[name] != want {
				t.Errorf("%s is %v, want %v", name, got[name], want)
			}
		}
		if _, ok := got["smokepop_directory_last_success_timestamp_seconds firm.example"]; !ok {
			t.Errorf("%v", got)
		}
	})
}
