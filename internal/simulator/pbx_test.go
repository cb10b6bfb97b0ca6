package simulator_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/smokepop/smokepop/internal/simulator"
)

// ear is a webhook's receiver that writes down what it hears.
type ear struct {
	mu     sync.Mutex
	heard  []heard
	answer func(heard) (int, string)
}

type heard struct {
	method, path, query, contentType, user, password, token, body string
}

func (e *ear) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	user, password, _ := r.BasicAuth()
	h := heard{r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Get("Content-Type"), user, password, r.Header.Get("X-Smokepop-Token"), string(b)}
	e.mu.Lock()
	e.heard = append(e.heard, h)
	answer := e.answer
	e.mu.Unlock()
	status, body := 202, `{"result":"accepted","agents":["101"]}`
	if answer != nil {
		status, body = answer(h)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func (e *ear) all() []heard {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]heard{}, e.heard...)
}

// exchange is a PBX whose time passes by asking for it.
type exchange struct {
	*PBX
	*clock
	*ear
	firm *Firm
}

func newExchange(t *testing.T, change func(*PBXOptions, string)) *exchange {
	t.Helper()
	x := &exchange{clock: newClock(), ear: &ear{}, firm: NewFirm()}
	server := httptest.NewServer(x.ear)
	t.Cleanup(server.Close)
	access := Access{Username: "vodia", Password: "p w", Token: "tok-1"}
	o := PBXOptions{
		Firm: x.firm, Now: x.Now,
		Sleep:   func(ctx context.Context, d time.Duration) error { x.Advance(d); return ctx.Err() },
		Account: func(ext string) Hooks { return SmokepopHooks(server.URL, ext, JSONBody, access) },
	}
	if change != nil {
		change(&o, server.URL)
	}
	x.PBX = NewPBX(o)
	t.Cleanup(x.Close)
	return x
}

func maria(f *Firm) Setup { return Setup{ID: "c-1", Agent: "101", Caller: f.Callers[0]} }

// What travels is held against files, so that a change of the wire is seen.
func TestWebhooksOnTheWire(t *testing.T) {
	for _, enc := range []Encoding{JSONBody, FormBody, QueryString} {
		t.Run(string(enc), func(t *testing.T) {
			x := newExchange(t, func(o *PBXOptions, base string) {
				o.Account = func(ext string) Hooks {
					return SmokepopHooks(base, ext, enc, Access{Username: "vodia", Password: "p w", Token: "tok-1"})
				}
			})
			s := maria(x.firm)
			s.Shape = ShapeNamed
			s.Caller.Names = []string{`Maria "Mia" Castellanos & Söhne`}
			if _, err := x.Play(t.Context(), x.firm.InboundAnswered(s)); err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			for _, h := range x.all() {
				if h.user != "vodia" || h.password != "p w" || h.token != "tok-1" {
					t.Errorf("%+v", h)
				}
				out.WriteString(strings.TrimSpace(h.method+" "+h.path+"?"+h.query+"\n"+h.contentType+"\n"+h.body) + "\n\n")
			}
			golden(t, "webhook-"+string(enc)+".txt", out.String())
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n got %s\nwant %s", name, got, want)
	}
}

func TestVariablesWithoutAValue(t *testing.T) {
	for literal, want := range map[bool]string{false: `{"c":"c-1","q":"","x":"","a":"{{asset}}","o":{}}`, true: `{"c":"c-1","q":"{queue}","x":"{nonsense}","a":"{{asset}}","o":{}}`} {
		x := newExchange(t, func(o *PBXOptions, base string) {
			o.LiteralUnfilled = literal
			o.Unknown = []string{"queue"}
			o.Account = func(string) Hooks {
				return Hooks{NewCall: {Method: "PUT", URL: base + "/", Encoding: "json", Body: `{"c":"{call-id}","q":"{queue}","x":"{nonsense}","a":"{{asset}}","o":{}}`}}
			}
		})
		x.Send(t.Context(), Step{Event: NewCall, Extension: "101", CallID: "c-1", Queue: "Intake"})
		if got := x.all(); len(got) != 1 || got[0].body != want || got[0].method != "PUT" {
			t.Errorf("literal %v: %+v", literal, got)
		}
	}
}

func TestPlayKeepsTimeAndReportsAnswers(t *testing.T) {
	x := newExchange(t, nil)
	x.answer = func(h heard) (int, string) {
		if strings.Contains(h.path, "/connect/") {
			return 200, `{"result":"skipped","reason":"duplicate"}`
		}
		return 202, `{"result":"accepted","agents":["101"]}`
	}
	began := x.Now()
	answers, err := x.Play(t.Context(), x.firm.InboundAnswered(maria(x.firm)))
	if err != nil || x.Now().Sub(began) != 12*time.Second {
		t.Errorf("%v, after %v", err, x.Now().Sub(began))
	}
	var told []string
	for _, a := range answers {
		if a.Sent {
			told = append(told, a.Result+a.Reason)
		}
	}
	if strings.Join(told, " ") != "accepted skippedduplicate accepted" {
		t.Errorf("%q", told)
	}
	// The tenant has no webhook: its two events go nowhere.
	if len(answers) != 5 || len(x.all()) != 3 {
		t.Errorf("%d answers, %d requests", len(answers), len(x.all()))
	}
	began = x.Now()
	if _, err := x.Burst(t.Context(), x.firm.InboundAnswered(maria(x.firm))); err != nil || x.Now() != began {
		t.Errorf("a burst took time: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.Play(ctx, x.firm.InboundAnswered(maria(x.firm))); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled play: %v", err)
	}
}

func TestTenantLevelHearsOfTheCallOnly(t *testing.T) {
	x := newExchange(t, func(o *PBXOptions, base string) {
		o.Account, o.Tenant = nil, SmokepopHooks(base, "", JSONBody, Access{})
	})
	if _, err := x.Burst(t.Context(), x.firm.RingGroup(maria(x.firm))); err != nil {
		t.Fatal(err)
	}
	got := x.all()
	if len(got) != 2 || got[0].path != "/hooks/vodia/firm.example" || !strings.Contains(got[0].body, `"to":"+16175550100"`) || !strings.Contains(got[1].body, `"event":"call"`) {
		t.Errorf("%+v", got)
	}
}

func TestAReceiverThatIsAwayStopsNothing(t *testing.T) {
	x := newExchange(t, func(o *PBXOptions, _ string) {
		o.Account = func(ext string) Hooks { return SmokepopHooks("http://127.0.0.1:1", ext, JSONBody, Access{}) }
	})
	answers, err := x.Burst(t.Context(), x.firm.InboundAnswered(maria(x.firm)))
	if err != nil || answers[1].Err == nil || answers[1].Status != 0 {
		t.Errorf("%+v, %v", answers, err)
	}
	if strings.Contains(answers[1].Err.Error(), "p w") {
		t.Error("the password is in the error")
	}
}

func TestNumbersInEveryShape(t *testing.T) {
	us, au := NewFirm(), NewAustralianFirm()
	for _, row := range []struct {
		firm *Firm
		line Line
		want []string
	}{
		{us, US("617", "5550142"), []string{"6175550142", "+16175550142", "16175550142", "<sip:+16175550142@firm.example>", `"MIA" <sip:6175550142@firm.example;user=phone>`, "tel:+1-6175550142"}},
		{us, AU("04", "91570006"), []string{"01161491570006", "+61491570006", "61491570006", "<sip:+61491570006@firm.example>", `"MIA" <sip:01161491570006@firm.example;user=phone>`, "tel:+61-491570006"}},
		{au, AU("02", "55501234"), []string{"0255501234", "+61255501234", "61255501234", "<sip:+61255501234@au.firm.example>", `"MIA" <sip:0255501234@au.firm.example;user=phone>`, "tel:+61-255501234"}},
		{au, US("617", "5550142"), []string{"001116175550142"}},
	} {
		for i, want := range row.want {
			s := Setup{ID: "c", Agent: row.firm.Agents[0].Extension, Caller: Caller{row.line, []string{"Mia"}}, Shape: Shapes()[i]}
			if got := row.firm.InboundAnswered(s).Steps[0].From; got != want {
				t.Errorf("%s in shape %d: %q, want %q", row.line.Shown, i, got, want)
			}
		}
	}
}

func TestQueryVariablesAreEncoded(t *testing.T) {
	x := newExchange(t, func(o *PBXOptions, base string) {
		o.Account = func(ext string) Hooks { return SmokepopHooks(base, ext, QueryString, Access{}) }
	})
	x.Send(t.Context(), Step{Event: NewCall, Extension: "101", CallID: "a&b=c", From: "+1 617"})
	q, err := url.ParseQuery(x.all()[0].query)
	if err != nil || q.Get("call_id") != "a&b=c" || q.Get("from") != "+1 617" {
		t.Errorf("%v, %v", q, err)
	}
}
