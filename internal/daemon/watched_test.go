package daemon

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/simulator"
)

// An agent whose page was closed yesterday costs no look-up, until a page is
// opened, during the call even; and each call is in the books.
func TestNobodyIsLookedUpForWhoIsAway(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		firm := simulator.NewFirm()
		extension, caller := firm.Agents[0].Extension, firm.Callers[0]
		f := openOffice(t, officeOptions{firms: []*simulator.Firm{firm}, dir: dir, desks: func(a simulator.Agent) bool { return a.Extension == extension }})
		defer func() { f.stop() }()
		desk := f.desks[firm.Domain+" "+extension]
		_ = desk.conn.Close()
		time.Sleep(13 * time.Hour)
		f.call("missed", extension, caller.E164(), "ringing")
		f.call("missed", extension, caller.E164(), "hangup")
		f.call("lasts", extension, caller.E164(), "ringing")
		if got := f.counts("smokepop_lookup_total"); len(got) > 0 {
			t.Errorf("nobody is there, and looked up is %v", got)
		}
		f.reopen()
		time.Sleep(time.Second)
		if got, _ := f.shows(extension); !slices.Equal(got, []string{caller.Names[0] + " ringing"}) {
			t.Errorf("the page shows %q", got)
		}
		f.call("lasts", extension, caller.E164(), "hangup")
		if got := f.counts("smokepop_calls_total"); len(got) != 2 || got["unwatched"] != 1 || got["matched"] != 1 {
			t.Errorf("the calls are counted as %v", got)
		}
	})
}
