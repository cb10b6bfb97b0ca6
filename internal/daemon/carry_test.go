package daemon

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/simulator"
)

// hook sends a webhook of the firm's PBX.
func (f *office) hook(body string) {
	f.t.Helper()
	var answer struct{ Result string }
	f.ask("POST", "http://vodia:webhook-password@"+ourAddress+"/hooks/vodia/"+f.firms[0].firm.Domain, "", rawJSON(body), &answer)
	synctest.Wait()
}

type rawJSON string

func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }

// shows returns what an agent's page shows: name and state of each live pop.
func (f *office) shows(extension string) (pops []string, ids []string) {
	f.t.Helper()
	synctest.Wait()
	d := f.desks[f.firms[0].firm.Domain+" "+extension]
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range d.wrong {
		f.t.Errorf("%s: %s", extension, w)
	}
	for _, p := range d.live {
		name := "?"
		if len(p.Contacts) > 0 {
			name = p.Contacts[0].Name
		}
		pops, ids = append(pops, name+" "+string(p.Call.State)), append(ids, p.ID)
	}
	return pops, ids
}

func TestRestartCarriesCalls(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		firm := simulator.NewFirm()
		caller, other := firm.Callers[0], firm.Callers[1]
		one, two := firm.Agents[0].Extension, firm.Agents[1].Extension
		f := openOffice(t, officeOptions{firms: []*simulator.Firm{firm}, dir: dir, desks: func(a simulator.Agent) bool {
			return a.Extension == one || a.Extension == two
		}})
		defer func() { f.stop() }()
		ring := func(id, extension, number, event string) {
			f.hook(`{"event":"` + event + `","call_id":"` + id + `","extension":"` + extension + `","from":"` + number + `","to":"+16175550100"}`)
		}
		ring("shown", one, caller.E164(), "ringing")
		time.Sleep(time.Second) // pops come back in the order their calls began
		ring("group", one+`,`+two, other.E164(), "ringing")
		time.Sleep(time.Second)
		before, ids := f.shows(one)
		if len(before) != 2 {
			t.Fatalf("before: %q", before)
		}
		f.halt()
		if found := onDisk(t, dir, caller.National, other.National, "Castellanos"); len(found) > 0 {
			t.Errorf("%q can be read on the disk", found)
		}
		f.start()
		f.reopen()
		_, same := f.shows(one)
		if !slices.Equal(same, ids) {
			t.Errorf("the pops are %q, want those from before, %q", same, ids)
		}
		time.Sleep(time.Second)
		if after, _ := f.shows(one); !slices.Equal(after, before) {
			t.Errorf("after: %q, want %q", after, before)
		}
		if n := f.metric(`smokepop_pops_total{direction="inbound"}`); n != 0 {
			t.Errorf("%v pops are new after the restart", n)
		}
		ring("shown", one, caller.E164(), "ringing") // the PBX sends again
		ring("group", two, other.E164(), "connected")
		time.Sleep(time.Second)
		if got, _ := f.shows(one); len(got) != 1 || got[0] != before[0] {
			t.Errorf("%s sees %q after a colleague has answered", one, got)
		}
		if got, _ := f.shows(two); len(got) != 1 || !strings.HasSuffix(got[0], " connected") {
			t.Errorf("%s sees %q", two, got)
		}
		ring("shown", one, caller.E164(), "terminated")
		if got, _ := f.shows(one); len(got) != 0 {
			t.Errorf("%s sees %q after the end", one, got)
		}
	})
}

// onDisk returns those of the words that are in a file below dir.
func onDisk(t *testing.T, dir string, words ...string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, "state"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, w := range words {
			if bytes.Contains(b, []byte(w)) {
				found = append(found, w)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A minute, and not more, whatever somebody does to the clock; and not over a
// restart of the machine.
func TestCallsAreCarriedForAMinute(t *testing.T) {
	for _, tc := range []struct {
		name string
		next func(moment) moment
		want int // pops
	}{
		{"just in time", func(m moment) moment { m.Up += carryFor; m.Wall = m.Wall.Add(carryFor); return m }, 1},
		{"too late", func(m moment) moment { m.Up += carryFor + 1; m.Wall = m.Wall.Add(carryFor + 1); return m }, 0},
		{"the clock set back by an hour", func(m moment) moment { m.Up += time.Second; m.Wall = m.Wall.Add(-time.Hour); return m }, 1},
		{"the clock set on by an hour", func(m moment) moment { m.Up += time.Second; m.Wall = m.Wall.Add(time.Hour); return m }, 1},
		{"too late, and the clock set back", func(m moment) moment { m.Up += time.Hour; return m }, 0},
		{"another run of the machine", func(m moment) moment { m.Boot = "another"; m.Up = time.Second; return m }, 0},
		{"an earlier moment", func(m moment) moment { m.Up--; return m }, 0},
		{"a machine whose runs have no name", func(m moment) moment { m.Boot = ""; return m }, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				firm := simulator.NewFirm()
				f := openOffice(t, officeOptions{firms: []*simulator.Firm{firm}, dir: dir, desks: func(a simulator.Agent) bool { return a.Extension == firm.Agents[0].Extension }})
				defer func() { f.stop() }()
				f.halt()
				now := moment{Boot: "run", Up: time.Hour, Wall: time.Now()}
				f.moments = func() moment { return now }
				f.start()
				f.reopen()
				f.hook(`{"event":"ringing","call_id":"c","extension":"` + firm.Agents[0].Extension + `","from":"` + firm.Callers[0].E164() + `","to":"+16175550100"}`)
				time.Sleep(time.Second)
				f.halt()
				now = tc.next(now)
				f.start()
				f.reopen()
				time.Sleep(time.Second)
				if got, _ := f.shows(firm.Agents[0].Extension); len(got) != tc.want {
					t.Errorf("the page shows %q, want %d", got, tc.want)
				}
			})
		})
	}
}

// shelf is a carriedStore in memory that can fail.
type shelf struct {
	records map[string][]byte
	fail    func(op, path string) error
}

var errShelf = errors.New("the shelf has come down")

func (s *shelf) try(op, path string) error {
	if s.fail != nil {
		return s.fail(op, path)
	}
	return nil
}

func (s *shelf) Get(_ context.Context, path string) ([]byte, uint64, error) {
	return s.records[path], 1, s.try("get", path)
}

func (s *shelf) Put(_ context.Context, path string, value []byte) error {
	if err := s.try("put", path); err != nil {
		return err
	}
	s.records[path] = bytes.Clone(value)
	return nil
}

func (s *shelf) List(context.Context, string) ([]string, error) {
	return slices.Sorted(maps.Keys(s.records)), s.try("list", "")
}

func (s *shelf) Delete(_ context.Context, path string, _ uint64) (bool, error) {
	if err := s.try("delete", path); err != nil {
		return false, err
	}
	delete(s.records, path)
	return true, nil
}

func someLegs(n int) carried {
	random := rand.New(rand.NewPCG(1, 2)) // what cannot be packed small
	c := carried{Taken: moment{Boot: "run"}}
	for range n {
		id := make([]byte, 64)
		for i := range id {
			id[i] = byte('!' + random.IntN(90))
		}
		c.Legs = append(c.Legs, screenpop.CarriedLeg{PopID: string(id)})
	}
	return c
}

func TestCarriedIsReadOnceWhateverItsSize(t *testing.T) {
	for _, n := range []int{0, 1, 12_000} {
		s := &shelf{records: map[string][]byte{}}
		c := someLegs(n)
		if err := sealCarried(t.Context(), s, carriedPrefix, "", c); err != nil {
			t.Fatal(err)
		}
		if n > 10_000 && len(s.records) < 3 {
			t.Errorf("%d records only: the test is about several", len(s.records))
		}
		got, err := takeCarried(t.Context(), s, carriedPrefix)
		if err != nil || !slices.Equal(got.Legs, c.Legs) {
			t.Fatalf("%d legs came as %d, %v", n, len(got.Legs), err)
		}
		if again, err := takeCarried(t.Context(), s, carriedPrefix); again != nil || err != nil || len(s.records) != 0 {
			t.Errorf("read twice: %v, %v, %d records left", again, err, len(s.records))
		}
	}
}

// What does not fit together is nothing, and is gone.
func TestCarriedThatIsNotWholeIsNothing(t *testing.T) {
	whole := &shelf{records: map[string][]byte{}}
	if err := sealCarried(t.Context(), whole, carriedPrefix, "", someLegs(12_000)); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*shelf){
		"a part of another time": func(s *shelf) { s.records[carriedPath(carriedPrefix, 0)] = s.records[carriedPath(carriedPrefix, 1)] },
		"a part that is missing": func(s *shelf) { delete(s.records, carriedPath(carriedPrefix, 1)) },
		"no head":                func(s *shelf) { delete(s.records, carriedPrefix+carriedHead) },
		"another form":           func(s *shelf) { s.records[carriedPrefix+carriedHead] = []byte(`{"form":2}`) },
		"no JSON":                func(s *shelf) { s.records[carriedPrefix+carriedHead] = []byte(`{`) },
		"a record that does not open": func(s *shelf) {
			s.fail = func(op, path string) error {
				if op == "get" && path == carriedPath(carriedPrefix, 1) {
					return errShelf
				}
				return nil
			}
		},
		"a disk that is full": func(s *shelf) {
			s.fail = func(op, _ string) error {
				if op == "delete" {
					return errShelf
				}
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &shelf{records: maps.Clone(whole.records)}
			spoil(s)
			if c, err := takeCarried(t.Context(), s, carriedPrefix); c != nil && err == nil {
				t.Errorf("it was taken: %v", err)
			} else if err == nil {
				t.Error("nothing is said of it")
			}
			if len(s.records) != 0 && name != "a disk that is full" {
				t.Errorf("%d records stay", len(s.records))
			}
		})
	}
}
