package vodia

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

const (
	domain   = "firm.example"
	user     = "admin"
	password = "hush-4711"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sent is a request the PBX got.
type sent struct {
	what string // method and path
	body string
	auth bool // with the right password
}

// pbx is a PBX that answers by method and path with what a test says.
type pbx struct {
	*httptest.Server
	t  *testing.T
	mu sync.Mutex
	by map[string]http.HandlerFunc
	in []sent
}

func newPBX(t *testing.T, secure bool) *pbx {
	p := &pbx{t: t, by: map[string]http.HandlerFunc{}}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(p.serve))
	p.Config.ErrorLog = quiet()
	if secure {
		p.StartTLS()
	} else {
		p.Start()
	}
	t.Cleanup(p.Close)
	return p
}

func (p *pbx) serve(w http.ResponseWriter, r *http.Request) {
	what := r.Method + " " + r.URL.RequestURI()
	body, _ := io.ReadAll(r.Body)
	u, pass, _ := r.BasicAuth()
	p.mu.Lock()
	p.in = append(p.in, sent{what, string(body), u == user && pass == password})
	h := p.by[what]
	if h == nil {
		h = p.by["*"]
	}
	p.mu.Unlock()
	w.Header().Set("Server", "PBX/70.1")
	if h == nil {
		http.NotFound(w, r)
		return
	}
	h(w, r)
}

func (p *pbx) on(what string, h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.by[what] = h
}

// says answers with a body, or a golden file for @name.
func (p *pbx) says(what, body string) {
	p.on(what, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, golden(p.t, body)) })
}

func (p *pbx) status(what string, code int) {
	p.on(what, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", code) })
}

func (p *pbx) got() []sent {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]sent(nil), p.in...)
}

// count tells how often a request came.
func (p *pbx) count(what string) (n int) {
	for _, s := range p.got() {
		if s.what == what {
			n++
		}
	}
	return n
}

func (p *pbx) client(change ...func(*Config)) *Client {
	cfg := Config{BaseURL: p.URL, Domain: domain, Username: user, Password: password, HTTP: p.Server.Client(), Rate: 1e6}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(c.Close)
	return c
}

func golden(t *testing.T, s string) string {
	if len(s) == 0 || s[0] != '@' {
		return s
	}
	b, err := os.ReadFile("testdata/" + s[1:] + ".json")
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

func asJSON(t *testing.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
