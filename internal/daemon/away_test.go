package daemon

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/simulator"
)

// An hour without Smokeball and without the PBX's API, in which calls come by
// webhook all the time: neither is asked without end, nothing piles up, and with
// the first call after they are back everything is as before, for nobody has to
// pair or sign in again.
func TestSmokeballAndThePBXAreAwayForAnHour(t *testing.T) {
	for name, away := range map[string]struct {
		smokeball simulator.Fault
		pbx       simulator.PBXFault
	}{
		"connections are reset": {simulator.Fault{Reset: true}, simulator.PBXFault{Reset: true}},
		"nobody answers":        {simulator.Fault{Stall: true}, simulator.PBXFault{Hang: true}},
		"errors":                {simulator.Fault{Status: 503}, simulator.PBXFault{Status: 502}},
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *officeOptions) {
				o.events = "both"
			}, func(f *office, firm *simulator.Firm) {
				one := firm.Agents[0].Extension
				rings := func(id string, caller int) {
					f.call(id, one, firm.Callers[caller].E164(), "ringing")
				}
				rings("before", 0)
				if shown, _ := f.shows(one); len(shown) != 1 || shown[0] == "? ringing" {
					t.Fatalf("before: %q", shown)
				}
				f.call("before", one, "", "terminated")
				time.Sleep(2 * time.Hour) // what was found is too old to go by
				synctest.Wait()

				asked := len(f.firms[0].smokeball.Requests(simulator.ContactsEndpoint))
				back := []func(){f.firms[0].smokeball.Inject(away.smokeball), f.firms[0].pbx.Inject(away.pbx)}
				f.firms[0].pbx.CutSockets()
				f.firms[0].pbx.EndSessions()
				memory, routines := heap(), runtime.NumGoroutine()
				began := time.Now()
				for i := 0; time.Since(began) < time.Hour; i++ {
					id := fmt.Sprint("away-", i)
					rings(id, i%8)
					time.Sleep(20 * time.Second)
					f.call(id, one, "", "terminated")
				}
				synctest.Wait()
				requests := len(f.firms[0].smokeball.Requests(simulator.ContactsEndpoint)) - asked
				grown, more := heap()-memory, runtime.NumGoroutine()-routines
				if grown > 4<<20 || more > 20 {
					t.Errorf("%d bytes and %d goroutines more after the hour", grown, more)
				}
				if requests > 400 {
					t.Errorf("Smokeball was asked %d times in the hour", requests)
				}
				if shown, _ := f.shows(one); len(shown) != 0 {
					t.Errorf("after the hour the page shows %q", shown)
				}
				for _, undo := range back {
					undo()
				}
				began = time.Now()
				for i := 0; ; i++ {
					id := fmt.Sprint("back-", i)
					rings(id, 0)
					shown, _ := f.shows(one)
					f.call(id, one, "", "terminated")
					if len(shown) == 1 && shown[0] != "? ringing" {
						break
					}
					if time.Since(began) > 2*time.Minute {
						t.Fatalf("two minutes later the page shows %q", shown)
					}
				}
				took := time.Since(began)
				for f.metric("smokepop_pbx_websockets_connected") == 0 {
					if time.Since(began) > 10*time.Minute {
						t.Fatal("ten minutes later no websocket to the PBX is open")
					}
					time.Sleep(time.Second)
				}
				t.Logf("170 calls in the hour, %d requests to Smokeball; %d KiB and %d goroutines more after it; calls pop with their name %v after Smokeball is back, the PBX is listened to after %v",
					requests, grown>>10, more, took, time.Since(began))
			})
		})
	}
}
