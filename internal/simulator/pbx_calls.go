package simulator

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Dial is a call that somebody asked the PBX to make for an extension.
type Dial struct{ Extension, Number, Name string }

// userCalls lists an extension's calls. The keys of a leg are not known from a
// real PBX.
func (p *PBX) userCalls(w http.ResponseWriter, _ *http.Request, extension string) {
	p.live.mu.Lock()
	defer p.live.mu.Unlock()
	out := []map[string]any{}
	for _, e := range p.live.list(p.opts) {
		for _, x := range e.Extension {
			if strings.TrimPrefix(x, "*") == extension {
				out = append(out, map[string]any{"id": e.ID, "state": e.State, "from": e.From, "to": e.To, "start": e.Start})
			}
		}
	}
	tell(w, out)
}

// postUserCalls takes remote-dial; of the other things a PBX does with calls
// nobody here has need.
func (p *PBX) postUserCalls(w http.ResponseWriter, r *http.Request, extension string) {
	var ask map[string]string
	if !told(w, r, &ask) {
		return
	}
	number := ask["remote-dial"]
	if number == "" || strings.Trim(number, "+*#0123456789") != "" {
		refuse(w, http.StatusBadRequest, "Bad Request")
		return
	}
	select {
	case p.dials <- Dial{extension, number, ask["name"]}:
		tell(w, true)
	default:
		refuse(w, http.StatusServiceUnavailable, "Service Unavailable")
	}
}

// Dials is what was asked to be dialled. [PBX.RunDials] takes from it; a test
// may do so instead.
func (p *PBX) Dials() <-chan Dial { return p.dials }

// RunDials makes the calls that are asked for through the API, until ctx ends.
// It returns when all of them are over or broken off.
func (p *PBX) RunDials(ctx context.Context) error {
	var calls sync.WaitGroup
	defer calls.Wait()
	lines := make(chan struct{}, maxLive)
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case lines <- struct{}{}:
		}
		select {
		case <-ctx.Done():
			return nil
		case d := <-p.dials:
			calls.Go(func() {
				_, _ = p.Play(ctx, p.opts.Firm.ClickToDial(fmt.Sprintf("dial-%d-%d", p.opts.Now().UnixNano(), n), d)) // it ends with ctx
				<-lines
			})
		}
	}
}

// ClickToDial is what a PBX does when it dials for an agent: it calls the
// agent's own phone, and when that is picked up, the number.
func (f *Firm) ClickToDial(id string, d Dial) Scenario {
	const pickedUp, answered, over = time.Second, 4 * time.Second, 13 * time.Second
	own := Step{CallID: id + "-phone", Direction: "outbound", From: f.inside(d.Extension), FromName: f.account(d.Extension).Name, To: f.inside(d.Extension)}
	out := own
	out.CallID, out.To = id, d.Number
	sc := Scenario{
		Kind: KindOutbound, Summary: "outbound " + d.Extension + " -> " + d.Number + ", dialled for",
		Steps: []Step{
			own.at(Step{Event: NewCall, Extension: d.Extension}),
			own.at(Step{At: pickedUp, Event: Connect, Extension: d.Extension}),
			out.at(Step{At: pickedUp, Event: NewCall}),
			out.at(Step{At: pickedUp, Event: NewCall, Extension: d.Extension}),
			out.at(Step{At: answered, Event: Connect, Extension: d.Extension}),
			out.at(Step{At: over, Event: CallEnd, Extension: d.Extension}),
			out.at(Step{At: over, Event: CallEnd}),
			own.at(Step{At: over, Event: CallEnd, Extension: d.Extension}),
		},
	}
	for _, c := range f.Callers {
		if d.Number == c.E164() || d.Number == f.dialled(c.Line) {
			sc.Expected = []Expected{f.sees(Setup{ID: id, Caller: c}, d.Extension, "outbound")}
		}
	}
	return sc.number()
}
