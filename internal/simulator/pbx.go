package simulator

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// PBXOptions is which PBX to be.
type PBXOptions struct {
	Firm *Firm
	// Account returns the webhooks set on an extension; Tenant those of the
	// tenant. Either may be nil. With both, smokepop hears of a call twice.
	Account func(extension string) Hooks
	Tenant  Hooks

	// Unknown are variables this PBX does not have.
	Unknown []string
	// LiteralUnfilled leaves a variable without a value in the request as it is
	// written, "{queue}", instead of leaving it out.
	LiteralUnfilled bool

	// Admins may ask the REST API; nil is DefaultAdmin alone.
	Admins []Admin
	// AdminsActForUsers lets administrators ask for an extension what is the
	// extension's own, such as dialling. A real PBX "generally" does not.
	AdminsActForUsers bool
	// Version is what the Server header says; "" is 70.1. HideVersion leaves
	// the header out.
	Version     string
	HideVersion bool
	Directory   DirectoryShape // "" is Directory69
	EmailKey    string         // the field an account's e-mail is in; "" is email
	Groups      []PBXGroup     // nil: the firm's
	// SocketIdle is how long a websocket lives without an avoid-disconnect; 0
	// is a minute.
	SocketIdle time.Duration
	// LiveIDs changes the call ids that websockets tell; nil leaves them the
	// webhooks'. Whether they are the same at a real PBX is not known.
	LiveIDs func(string) string

	HTTP  *http.Client // nil: one that gives up after 5 s
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
}

// PBX is a simulated Vodia tenant. It sends webhooks and asks nothing of the
// answers, as the real one does, and it is an HTTP handler: the REST API and
// the websocket. It is safe for concurrent use.
type PBX struct {
	opts   PBXOptions
	mux    *http.ServeMux
	faults pbxFaults
	live   *liveCalls
	dials  chan Dial

	mu       sync.Mutex
	sessions map[string]*pbxSession
	hooks    map[string]map[string]hookJSON // of levels somebody changed, by setting
	changed  map[string]map[string]string   // fields of accounts somebody changed
	removed  []string                       // accounts that are gone
}

// NewPBX returns a PBX.
func NewPBX(o PBXOptions) *PBX {
	if o.HTTP == nil {
		o.HTTP = &http.Client{
			Timeout:       5 * time.Second,
			Transport:     &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Admins == nil {
		o.Admins = []Admin{DefaultAdmin()}
	}
	if o.Groups == nil {
		o.Groups = groupsOf(o.Firm)
	}
	if o.LiveIDs == nil {
		o.LiveIDs = func(id string) string { return id }
	}
	o.Version = cmp.Or(o.Version, "70.1")
	o.Directory = cmp.Or(o.Directory, Directory69)
	o.EmailKey = cmp.Or(o.EmailKey, "email")
	o.SocketIdle = cmp.Or(o.SocketIdle, time.Minute)
	p := &PBX{
		opts: o, live: newLiveCalls(), dials: make(chan Dial, maxLive), sessions: map[string]*pbxSession{},
		hooks: map[string]map[string]hookJSON{}, changed: map[string]map[string]string{},
	}
	p.mux = p.routes()
	return p
}

// NewDemoPBX returns a PBX of the firm with a JSON webhook on every extension,
// whose administrators may dial for everybody. base is where smokepop listens
// for the PBX. Serve it, say pbx.api.url so and DefaultAdmin, and run RunDials
// for click to dial.
func NewDemoPBX(f *Firm, base string, a Access) *PBX {
	return NewPBX(PBXOptions{
		Firm: f, AdminsActForUsers: true,
		Account: func(extension string) Hooks { return SmokepopHooks(base, extension, JSONBody, a) },
	})
}

// Close cuts the websockets, waits for them and lets go of idle connections.
func (p *PBX) Close() {
	p.live.close()
	p.opts.HTTP.CloseIdleConnections()
}

// Answer is what came back for one step.
type Answer struct {
	Step   Step
	Sent   bool // false: no webhook is set for it
	Status int  // 0 when there was no answer
	Result string
	Reason string
	Agents []string
	Body   []byte
	Err    error // the request failed
}

// Play plays a scenario in its own time and returns an answer per step. Its
// error is ctx's; what smokepop answers is in the answers.
func (p *PBX) Play(ctx context.Context, sc Scenario) ([]Answer, error) {
	start := p.opts.Now()
	var out []Answer
	for _, step := range sc.inOrder() {
		if err := p.until(ctx, start.Add(step.At)); err != nil {
			return out, err
		}
		if err := ctx.Err(); err != nil {
			return out, err
		}
		out = append(out, p.Send(ctx, step))
	}
	return out, nil
}

func (p *PBX) until(ctx context.Context, t time.Time) error {
	if wait := t.Sub(p.opts.Now()); wait > 0 {
		return p.opts.Sleep(ctx, wait)
	}
	return nil
}

// Burst plays a scenario without its pauses.
func (p *PBX) Burst(ctx context.Context, sc Scenario) ([]Answer, error) {
	steps := sc.inOrder()
	for i := range steps {
		steps[i].At = 0
	}
	sc.Steps = steps
	return p.Play(ctx, sc)
}

// Send lets a step happen: websockets hear of it, and its webhook is sent, the
// account's when the step has an extension, else the tenant's.
func (p *PBX) Send(ctx context.Context, step Step) Answer {
	p.live.happen(step, p.opts)
	return p.deliver(ctx, step)
}

// deliver sends the webhook of a step.
func (p *PBX) deliver(ctx context.Context, step Step) Answer {
	hook := p.hook(step)
	if hook.URL == "" || step.Lost {
		return Answer{Step: step}
	}
	a := Answer{Step: step, Sent: true}
	a.Err = p.send(ctx, hook, step, &a)
	return a
}

func (p *PBX) values(step Step) map[string]string {
	v := map[string]string{
		"call-id": step.CallID, "primary-call-id": step.Primary, "from": step.From, "from-display": step.FromName, "to": step.To,
		"domain": p.opts.Firm.Domain, "extension": step.Extension, "direction": step.Direction, "queue": step.Queue,
		"answered-by": step.AnsweredBy, "id": step.ID, "time": p.opts.Now().UTC().Format(time.RFC3339),
	}
	for name := range v {
		if slices.Contains(p.opts.Unknown, name) {
			v[name] = ""
		}
	}
	return v
}

func (p *PBX) send(ctx context.Context, h Webhook, step Step, a *Answer) error {
	values := p.values(step)
	values["user"], values["pass"] = h.user, h.Password
	var body io.Reader
	if h.Body != "" {
		body = strings.NewReader(fill(h.Body, values, h.escape(), p.opts.LiteralUnfilled))
	}
	r, err := http.NewRequestWithContext(ctx, h.Method, fill(h.URL, values, url.QueryEscape, p.opts.LiteralUnfilled), body)
	if err != nil {
		return fmt.Errorf("webhook %s: %w", step.Event, err)
	}
	if body != nil {
		r.Header.Set("Content-Type", h.contentType())
	}
	r.Header.Set("User-Agent", "Vodia-PBX/70.3 (simulated)")
	for k, v := range h.Headers {
		r.Header.Set(k, fill(v, values, func(s string) string { return s }, p.opts.LiteralUnfilled))
	}
	if h.Username != "" {
		r.SetBasicAuth(h.Username, h.Password)
	}
	res, err := p.opts.HTTP.Do(r)
	if err != nil {
		return fmt.Errorf("webhook %s: %w", step.Event, err)
	}
	defer res.Body.Close()
	a.Status = res.StatusCode
	if a.Body, err = io.ReadAll(io.LimitReader(res.Body, 64<<10)); err != nil {
		return fmt.Errorf("webhook %s: %w", step.Event, err)
	}
	var told struct {
		Result, Reason string
		Agents         []string
	}
	if json.Unmarshal(a.Body, &told) == nil {
		a.Result, a.Reason, a.Agents = told.Result, told.Reason, told.Agents
	}
	return nil
}
