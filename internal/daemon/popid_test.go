package daemon

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Two nodes make the same ids for the same call, one after the other, and nobody
// without the key makes them.
func TestPopIDs(t *testing.T) {
	secret := bytes.Repeat([]byte{1}, 32)
	priya := screenpop.AgentID{Tenant: "firm.example", Extension: "101"}
	one, other, stranger := &popIDs{secret: secret}, &popIDs{secret: secret}, &popIDs{secret: bytes.Repeat([]byte{2}, 32)}
	seen := map[string]bool{}
	for _, call := range []screenpop.CallID{"a", "a", "b"} {
		id := one.next(priya, call)
		if id != other.next(priya, call) || id == stranger.next(priya, call) || seen[id] || len(id) != 26 {
			t.Errorf("call %s: %s", call, id)
		}
		seen[id] = true
	}
	if one.next(screenpop.AgentID{Tenant: "firm.example", Extension: "1"}, "01a") == one.next(screenpop.AgentID{Tenant: "firm.example", Extension: "10"}, "1a") {
		t.Error("two calls share an id")
	}
	for i := range 2 * popsRemembered {
		one.next(priya, screenpop.CallID(fmt.Sprint(i)))
	}
	if len(one.made) != popsRemembered || len(one.keys) != popsRemembered {
		t.Errorf("%d calls are remembered", len(one.made))
	}
}
