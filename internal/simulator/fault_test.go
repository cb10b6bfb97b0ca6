package simulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/smokepop/smokepop/internal/simulator"
)

func TestStatusSequence(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.RateLimit = RateLimit{PerSecond: -1} })
	p := w.pair(priya)
	w.Inject(Statuses(FirmEndpoint, 500, 200, 503, 429)...)
	var got []int
	for range 5 {
		got = append(got, w.get(p.access, "/firm").status)
	}
	if !slices.Equal(got, []int{500, 200, 503, 429, 200}) {
		t.Errorf("%v", got)
	}
	w.Inject(Fault{Endpoint: FirmEndpoint, Times: 2, Status: 502})
	if a, b, c := w.get(p.access, "/firm"), w.get(p.access, "/firm"), w.get(p.access, "/firm"); a.status != 502 || b.status != 502 || c.status != 200 {
		t.Errorf("twice: %d %d %d", a.status, b.status, c.status)
	}
	if a := w.get(p.access, "/contacts?Limit=1"); a.status != 200 {
		t.Errorf("another endpoint: %d", a.status)
	}
}

func TestFaultsOfAnAnswer(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.RateLimit = RateLimit{PerSecond: -1} })
	p := w.pair(priya)
	for _, row := range []struct {
		name  string
		fault Fault
		is    func(answer) bool
	}{
		{"HTML", HTML(FirmEndpoint), func(a answer) bool {
			return a.status == 200 && a.header.Get("Content-Type") == "text/html" && strings.HasPrefix(a.body, "<!doctype")
		}},
		{"bad JSON", BadJSON(FirmEndpoint), func(a answer) bool { return a.status == 200 && !json.Valid([]byte(a.body)) }},
		{"3 MiB", Oversize(FirmEndpoint, 3<<20), func(a answer) bool { return len(a.body) == 3<<20 && json.Valid([]byte(a.body)) }},
		{"header", Fault{Endpoint: AnyEndpoint, Status: 429, Header: http.Header{"Retry-After": {"7"}}}, func(a answer) bool { return a.header.Get("Retry-After") == "7" }},
		{"only others", Fault{Endpoint: FirmEndpoint, Status: 500, When: func(r *http.Request) bool { return r.Method == "PUT" }}, func(a answer) bool { return a.status == 200 }},
	} {
		undo := w.Inject(row.fault)
		if a := w.get(p.access, "/firm"); !row.is(a) {
			t.Errorf("%s: %d %v %.80q", row.name, a.status, a.header, a.body)
		}
		undo()
		if a := w.get(p.access, "/firm"); a.status != 200 || !strings.Contains(a.body, "Harlow") {
			t.Errorf("%s is not undone: %d", row.name, a.status)
		}
	}
}

func TestResetStallAndSlowBody(t *testing.T) {
	var pauses atomic.Int64
	w := newWorld(t, func(o *Options) {
		o.Sleep = func(context.Context, time.Duration) error { pauses.Add(1); return nil }
	})
	p := w.pair(priya)
	get := func(ctx context.Context) error {
		r := w.request("GET", "/firm", nil).WithContext(ctx)
		r.Header.Set("Authorization", "Bearer "+p.access)
		r.Header.Set("x-api-key", w.client.APIKey)
		_, err := w.do(r)
		return err
	}
	undo := w.Inject(Fault{Endpoint: FirmEndpoint, Reset: true})
	if err := get(t.Context()); err == nil {
		t.Error("the connection was not reset")
	}
	undo()
	undo = w.Inject(Fault{Endpoint: FirmEndpoint, Stall: true})
	ctx, cancel := context.WithCancel(t.Context())
	seen := w.Count(FirmEndpoint)
	var wg sync.WaitGroup
	wg.Go(func() {
		if w.Await(t.Context(), FirmEndpoint, seen+1) == nil {
			cancel()
		}
	})
	if err := get(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a stall ended with %v", err)
	}
	wg.Wait()
	undo()
	w.Inject(SlowBody(FirmEndpoint, time.Millisecond))
	if a := w.get(p.access, "/firm"); a.json(t)["name"] != "Harlow & Pryce LLP" || pauses.Load() != int64(len(a.body)) {
		t.Errorf("slow body: %s in %d pauses", a.body, pauses.Load())
	}
}

func TestLatencyIsWaited(t *testing.T) {
	var waited atomic.Int64
	w := newWorld(t, func(o *Options) {
		o.Sleep = func(_ context.Context, d time.Duration) error { waited.Add(int64(d)); return nil }
	})
	p := w.pair(priya)
	w.Inject(Fault{Endpoint: AnyEndpoint, Latency: 80 * time.Millisecond})
	w.Inject(Statuses(FirmEndpoint, 500)...)
	if a := w.get(p.access, "/firm"); a.status != 500 || waited.Load() != 0 {
		t.Errorf("%d after %v: a counted fault comes first", a.status, time.Duration(waited.Load()))
	}
	if a := w.get(p.access, "/firm"); a.status != 200 || waited.Load() != int64(80*time.Millisecond) {
		t.Errorf("%d after %v", a.status, time.Duration(waited.Load()))
	}
}

func TestTokenEndpointFaults(t *testing.T) {
	for _, row := range []struct {
		name  string
		fault Fault
		is    func(answer) bool
	}{
		{"expires_in 0", ExpiresIn("0"), func(a answer) bool { return strings.Contains(a.body, `"expires_in":0`) }},
		{"expires_in negative", ExpiresIn("-5"), func(a answer) bool { return strings.Contains(a.body, `"expires_in":-5`) }},
		{"expires_in string", ExpiresIn(`"3600"`), func(a answer) bool { return strings.Contains(a.body, `"expires_in":"3600"`) }},
		{"expires_in 1e400", ExpiresIn("1e400"), func(a answer) bool { return strings.Contains(a.body, `"expires_in":1e400`) }},
		{"no access token", WithoutAccessToken(), func(a answer) bool { return !strings.Contains(a.body, "access_token") }},
		{"no refresh token", WithoutRefreshToken(), func(a answer) bool { return !strings.Contains(a.body, "refresh_token") }},
		{"no expires_in", ExpiresIn(""), func(a answer) bool { return !strings.Contains(a.body, "expires_in") }},
		{"no token type", WithoutTokenType(), func(a answer) bool { return !strings.Contains(a.body, "token_type") }},
		{"2 MiB", Oversize(TokenEndpoint, 2<<20), func(a answer) bool { return len(a.body) == 2<<20 }},
		{"HTML", HTML(TokenEndpoint), func(a answer) bool { return strings.HasPrefix(a.body, "<!doctype") }},
	} {
		w := newWorld(t, func(o *Options) { o.Rotation = true })
		p := w.pair(priya)
		w.Inject(row.fault)
		if a := w.refreshWith(p.refresh); a.status != 200 || !row.is(a) {
			t.Errorf("%s: %d %.120s", row.name, a.status, a.body)
		}
	}
}

// The rotation took effect and nobody heard of it: the worst moment to fail.
func TestBadGatewayAfterRotating(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Rotation = true })
	p := w.pair(priya)
	w.Inject(LostAnswer(TokenEndpoint, 502))
	if a := w.refreshWith(p.refresh); a.status != 502 {
		t.Fatalf("%d", a.status)
	}
	if got := w.Tokens(priya).Refresh; len(got) != 1 || got[0] == p.refresh {
		t.Errorf("usable now: %q", got)
	}
	if a := w.refreshWith(p.refresh); a.status != 400 || !w.Grants()[0].Reused {
		t.Errorf("the old token: %d", a.status)
	}
}

func TestExpireAndRevokeFromOutside(t *testing.T) {
	w := newWorld(t, nil)
	p := w.pair(priya)
	w.ExpireAccess(priya)
	if a := w.get(p.access, "/firm"); a.status != 401 {
		t.Errorf("expired access token: %d", a.status)
	}
	if a := w.refreshWith(p.refresh); a.status != 200 {
		t.Errorf("the refresh token expired too: %d", a.status)
	}
	w.ExpireRefresh("")
	if a := w.refreshWith(p.refresh); a.status != 400 {
		t.Errorf("expired refresh token: %d", a.status)
	}
	stateless := newWorld(t, func(o *Options) { o.StatelessAccess = true })
	q := stateless.pair(priya)
	stateless.RevokeUser(priya)
	if a := stateless.get(q.access, "/firm"); a.status != 200 {
		t.Errorf("a stateless verifier knew of a revocation: %d", a.status)
	}
}

func TestManyAtOnce(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Rotation, o.Now = true, nil })
	var wg sync.WaitGroup
	p := w.pair(priya)
	for range 8 {
		wg.Go(func() {
			for range 20 {
				w.get(p.access, "/contacts?Search=phone:*0142")
				w.PutContacts(NewFirm().Contacts[0])
				w.Requests(AnyEndpoint)
				w.Tokens(priya)
			}
		})
	}
	wg.Wait()
	if n := w.Count(ContactsEndpoint); n != 160 {
		t.Errorf("%d requests on record", n)
	}
}
