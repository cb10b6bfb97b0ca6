package pbxevents

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// wall is a Sink that knows which pops are up.
type wall map[shown]screenpop.State

func (w wall) Offer(events []screenpop.Event) bool {
	for _, e := range events {
		key := shown{e.Agent.AgentID, e.Call.ID}
		if e.Call.State == screenpop.Terminated {
			delete(w, key)
		} else {
			w[key] = e.Call.State
		}
	}
	return true
}

// tale is a call in all that webhooks and lists tell of it.
type tale struct {
	name  string
	hooks []string
	lists [][]LiveCall // in their order; the last one is empty
}

func tales() []tale {
	x := "&from=6173998147&to=%2B16175550100"
	p := x + "&primary_call_id=c"
	return []tale{
		{"a call", []string{"event=ringing&call_id=c&extension=101" + x, "event=connected&call_id=c&extension=101" + x, "event=terminated&call_id=c&extension=101", "event=terminated&call_id=c"}, nil},
		{"a ring group by leg ids", []string{
			"event=ringing&call_id=c-a&extension=101" + p, "event=ringing&call_id=c-b&extension=102" + p, "event=ringing&call_id=c-d&extension=103" + p,
			"event=connected&call_id=c-b&extension=102" + p, "event=terminated&call_id=c-a&extension=101" + p, "event=terminated&call_id=c-d&extension=103" + p,
			"event=terminated&call_id=c-b&extension=102" + p, "event=terminated&call_id=c",
		}, nil},
		{"two phones of one agent", []string{
			"event=ringing&call_id=c-a&extension=101" + p, "event=ringing&call_id=c-b&extension=101" + p, "event=connected&call_id=c-b&extension=101" + p,
			"event=terminated&call_id=c-a&extension=101" + p, "event=terminated&call_id=c-b&extension=101" + p,
		}, nil},
		{"a blind transfer", []string{
			"event=connected&call_id=c&extension=101" + x, "event=ringing&call_id=c&extension=102" + x, "event=terminated&call_id=c&extension=101",
			"event=connected&call_id=c&extension=102" + x, "event=terminated&call_id=c&extension=102", "event=terminated&call_id=c",
		}, nil},
		{"a warm transfer under new ids", []string{
			"event=connected&call_id=c&extension=101" + x, "event=ringing&call_id=d&extension=102" + x, "event=connected&call_id=d&extension=102" + x,
			"event=connected&call_id=e&extension=102" + x, "event=terminated&call_id=d&extension=102", "event=terminated&call_id=c&extension=101",
			"event=terminated&call_id=e&extension=102",
		}, nil},
		{"both sources under two ids, and a second call", []string{
			"event=ringing&call_id=c&extension=101,102" + x, "event=connected&call_id=c&extension=102" + x, "event=terminated&call_id=c&extension=102", "event=terminated&call_id=c",
			"event=ringing&call_id=k&extension=102&from=6173998148&to=600", "event=terminated&call_id=k",
		}, [][]LiveCall{
			listOf("l " + num + " 101,102 alerting"), listOf("l " + num + " 102 connected"), listOf("l "+num+" 102 connected", "m 6173998148 102 alerting"), listOf(),
		}},
		{"both sources under one id", []string{
			"event=ringing&call_id=c&extension=101" + x, "event=connected&call_id=c&extension=101" + x, "event=terminated&call_id=c",
		}, [][]LiveCall{listOf("c " + num + " 101 alerting"), listOf("c " + num + " 101 connected"), listOf()}},
	}
}

// Whatever order a call's webhooks come in, each once or more often, and
// wherever the lists of the other source fall between them: in the end no pop is
// up, and none comes up at an extension for a call that is over.
func TestPropertyInterleavings(t *testing.T) {
	const orders = 15 // by 7 tales and 100 checks: more than 10,000
	tenant := usTenant(t)
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		for _, tale := range tales() {
			hooks := make([]message, len(tale.hooks))
			for i, h := range tale.hooks {
				hooks[i] = messageFrom(t, h)
			}
			for range orders {
				up := wall{}
				r, err := New([]Tenant{tenant}, Deps{Directory: staff(), Sink: up, Now: func() time.Time { return time.Unix(0, 0) }})
				if err != nil {
					t.Fatal(err)
				}
				in := r.tenant(firm)
				told := ""
				order := sequence(random, len(hooks), len(tale.lists))
				for _, i := range order {
					if i < 0 {
						told += fmt.Sprintf("\nlist %d", -i)
						if err := r.Live(firm, tale.lists[-i-1]); err != nil {
							t.Fatal(err)
						}
					} else {
						told += "\n" + tale.hooks[i]
						m := hooks[i]
						in.take(&m, time.Unix(0, 0))
					}
					for _, c := range in.tracker.calls {
						if c.ended && c.anyLive() {
							t.Fatalf("%s: call %s has ended and is up after%s", tale.name, c.id, told)
						}
					}
				}
				if len(up) > 0 {
					t.Fatalf("%s: %v stays up after%s", tale.name, up, told)
				}
			}
		}
	})
}

// sequence orders n webhooks at random, some of them twice, and m lists, which
// keep their order and count from -1 down, between them.
func sequence(random *rand.Rand, n, m int) []int {
	order := random.Perm(n)
	for range random.IntN(n + 1) {
		at := random.IntN(len(order) + 1)
		order = append(order[:at:at], append([]int{random.IntN(n)}, order[at:]...)...)
	}
	at := 0
	for i := range m {
		at += random.IntN(len(order) - at + 1)
		order = append(order[:at:at], append([]int{-i - 1}, order[at:]...)...)
		at++
	}
	return order
}

func messageFrom(t *rapid.T, query string) (m message) {
	f, refused := (*names)(nil).decodeForm(query, "the form")
	if refused == nil {
		refused = m.read(&f, nil)
	}
	if refused != nil {
		t.Fatalf("%s: %v", query, refused)
	}
	return m
}
