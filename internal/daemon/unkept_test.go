package daemon

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// What is kept of ends is bounded, in number and time; one that the PBX sends again
// is kept once.
func TestUnkeptEndsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUnkept()
		add := func(call int) {
			u.add(httptest.NewRequest("POST", "/hooks/vodia/firm.example", nil), 7, fmt.Appendf(nil, "call %d", call))
		}
		add(-1)
		add(-1)
		if all := u.list(); len(all) != 1 || all[0].part != 7 || string(all[0].body) != "call -1" {
			t.Fatalf("%d ends are kept of one that came twice", len(all))
		}
		for i := range unkeptMost + 1 {
			time.Sleep(time.Millisecond)
			add(i)
		}
		all := u.list()
		if len(all) != unkeptMost || string(all[0].body) != "call 1" || string(all[len(all)-1].body) != fmt.Sprint("call ", unkeptMost) {
			t.Errorf("%d ends are kept, from %s", len(all), all[0].body)
		}
		u.kept(all[0])
		if again := u.list(); len(again) != unkeptMost-1 || again[0] != all[1] {
			t.Errorf("%d are left when one has an owner", len(again))
		}
		time.Sleep(unkeptFor - time.Second)
		add(-2)
		time.Sleep(2 * time.Second)
		if all := u.list(); len(all) != 1 || string(all[0].body) != "call -2" {
			t.Errorf("%d ends are left after %v", len(all), unkeptFor)
		}
	})
}
