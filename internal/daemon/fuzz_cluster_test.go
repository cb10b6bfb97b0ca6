package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/smokeball"
)

// Whatever a member says who asks for requests of a budget: each is heard once
// and answered at most once, nothing that it does not ask for is given to it, and
// when it is gone it has nothing any more.
func FuzzBudgetFrames(f *testing.F) {
	ask := `{"n":1,"ask":{"api":"https://api.example","client":"c","endpoint":"contacts"}}`
	for _, s := range []string{
		ask + `{"n":1,"sent":true}{"n":1,"done":true}`, ask + ask + `{"n":1,"done":true,"refused":true,"wait":-9}` + ask, ask + `{"n":1,"drop":true}` + ask,
		`{"n":2,"ask":{"api":"https://elsewhere.example","client":"c"}}`, `{"n":1,"done":true}{"n":1,"sent":true}`, ask[:20], `{"n":-1}`, `{"n":3,"ask":{"within":-1}}`,
		`{"n":1,"ask":{"api":"https://API.example/","client":"c","class":255,"since":"0001-01-01T00:00:00Z","within":1}}`, ask + `{"n":1,"done":true,"refused":true,"wait":9223372036854775807}`,
	} {
		f.Add([]byte(s))
	}
	const last = uint64(math.MaxUint64)
	f.Fuzz(func(t *testing.T, said []byte) {
		if bytes.Contains(said, []byte(strconv.FormatUint(last, 10))) {
			t.Skip("that is the number of the last one here")
		}
		budgets := smokeball.NewSharedBudgets(nil)
		id := smokeball.BudgetOf("https://api.example", "c")
		budgets.Limit(map[smokeball.BudgetID]smokeball.Limit{id: {PerSecond: 1e6, Burst: 1000}})
		budgets.Keep(id, smokeball.Role{Share: 1, Lends: true})
		here, there := net.Pipe()
		line := &lendingLine{budgetLine: newBudgetLine(), budgets: budgets, open: map[uint64]*borrowed{}}
		line.conn = here
		over := make(chan struct{}, 2)
		go func() { line.write(here); over <- struct{}{} }()
		go func() { line.hear(here); over <- struct{}{} }()
		asked, whole := map[uint64]int{}, false
		for in := json.NewDecoder(bytes.NewReader(said)); ; {
			var f budgetFrame
			if err := in.Decode(&f); err != nil {
				whole = err == io.EOF
				break
			}
			if f.Ask != nil {
				asked[f.N]++
			}
		}
		_ = there.SetDeadline(time.Now().Add(time.Minute))
		wrote := make(chan struct{})
		go func() {
			defer close(wrote)
			_, _ = there.Write(append(said, fmt.Sprintf("\n"+`{"n":%d,"ask":{}}`, last)...)) // until it is refused
			if !whole {
				_ = there.Close()
			}
		}()
		var told []budgetFrame
		for in := json.NewDecoder(there); ; { // to the last, or until it is hung up
			var f budgetFrame
			if in.Decode(&f) != nil {
				break
			}
			if told = append(told, f); f.N == last {
				break
			}
		}
		_ = there.Close()
		<-wrote
		<-over
		<-over
		began, answers := map[uint64]int{}, map[uint64]int{}
		for _, f := range told {
			switch {
			case f.Answer == budgetHeard:
				began[f.N]++
			case slices.Contains([]string{budgetYours, budgetBusy, budgetAway}, f.Answer):
				answers[f.N]++
			default:
				t.Errorf("it is told %+v", f)
			}
			if f.N != last && (answers[f.N] > began[f.N] || began[f.N] > asked[f.N]) {
				t.Errorf("request %d was asked for %d times, heard %d times and answered %d times", f.N, asked[f.N], began[f.N], answers[f.N])
			}
		}
		if len(line.open) > 0 {
			t.Errorf("it has %d requests still", len(line.open))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if budgets.Sent(ctx, id); ctx.Err() != nil {
			t.Error("a request that it had is never given back")
		}
	})
}

// Whatever stands in the lists that owners of parts answer with: put into order
// nothing is lost or changed, and in order it stays so.
func FuzzOrdered(f *testing.F) {
	for _, s := range []string{
		`[{"tenant":"b","extension":"101"},{"tenant":"a","extension":"1001"},{"tenant":"a","extension":"101"}]`,
		`[{"last_seen":"2026-11-27T10:00:00Z"},{"last_seen":"2026-11-27T11:00:00Z"},{"time":"no time"}]`, `[1,null,"x",{"since":7},[]]`, `[{"tenant":{}},{"Tenant":null}]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var list []json.RawMessage
		if json.Unmarshal(b, &list) != nil {
			return
		}
		texts := func(rows []json.RawMessage) (all []string) {
			for _, r := range rows {
				all = append(all, string(r))
			}
			return all
		}
		before := texts(list)
		once := texts(ordered(slices.Clone(list)))
		if twice := texts(ordered(ordered(slices.Clone(list)))); !slices.Equal(once, twice) {
			t.Errorf("%q, and once more %q", once, twice)
		}
		slices.Sort(before)
		slices.Sort(once)
		if !slices.Equal(before, once) {
			t.Errorf("%q became %q", before, once)
		}
	})
}

// Whatever stands in the headers of what one member hands on to another: it is a
// part that there is, and a user as one member writes it down for another.
func FuzzMemberHeaders(f *testing.F) {
	for _, s := range []string{"0", "63", "64", "-1", "+7", "0x1", " 7", "0 root", "1000 anna maria", "4294967296 x", "7", "-1 x", "1000 ", "１"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if part, ok := partNamed(s); ok && (part < 0 || part > 63) {
			t.Errorf("%q is part %d", s, part)
		}
		if a, ok := actorOf(s); ok {
			if again, ok := actorOf(fmt.Sprint(a.UID, " ", a.Name)); !ok || again != a || !a.HasUID {
				t.Errorf("%q is %+v, and written again %+v", s, a, again)
			}
		}
	})
}
