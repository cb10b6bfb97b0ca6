package chaos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/simulator"
)

// rotationGrace is for how long Smokeball takes a refresh token that it has
// replaced: as Cognito can be set. Without it no client could survive its own
// sudden death.
const rotationGrace = time.Minute

// crm is the simulated Smokeball of all tenants. It has a door for each node, so
// that the history can tell who has asked.
type crm struct {
	*simulator.Smokeball
	h     *History
	since func() time.Duration
	w     *world

	mu      sync.Mutex
	codes   map[string]Agent // authorisation codes that were given out
	refresh map[string]Agent // refresh tokens
	access  map[string]Agent
	names   map[string]string // of refresh tokens, in the history
	servers []*http.Server
	doors   []string
}

func newCRM(t *testing.T, w *world, callback string, accessLife time.Duration) *crm {
	t.Helper()
	f := &simulator.Firm{Name: "Chaos", Domain: "chaos.example", Region: "us", Country: "US"}
	for i, a := range w.agents {
		id := fmt.Sprintf("%08x-0000-4000-8000-000000000000", i)
		f.Staff = append(f.Staff, simulator.Staff{ID: id, UserID: id, FirstName: "Agent", LastName: strconv.Itoa(i), Email: emailOf(a)})
	}
	for i := range w.callers {
		f.Contacts = append(f.Contacts, simulator.Contact{
			ID: fmt.Sprintf("%08x-0000-4000-8000-000000000001", i), VersionID: fmt.Sprintf("%08x-0000-4000-8000-000000000002", i),
			LastUpdated: 639_028_224_000_000_000,
			Person:      &simulator.Person{FirstName: "Maria", LastName: strings.TrimPrefix(ContactName(i), "Maria "), Cell: simulator.Phone{AreaCode: "919", Number: fmt.Sprintf("555-%04d", i)}},
		})
	}
	c := &crm{
		h: w.h, since: w.since, w: w, codes: map[string]Agent{}, refresh: map[string]Agent{}, access: map[string]Agent{}, names: map[string]string{},
		Smokeball: simulator.NewSmokeball(simulator.Options{
			Firm: f, Clients: []simulator.Client{simulator.DefaultClient(callback)}, RateLimit: simulator.RateLimit{PerSecond: -1},
			Rotation: true, RotationGrace: rotationGrace, AccessLife: accessLife,
		}),
	}
	for _, n := range nodeNames {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: c.door(n)}
		c.servers, c.doors = append(c.servers, s), append(c.doors, "http://"+l.Addr().String())
		go func() { _ = s.Serve(l) }()
	}
	t.Cleanup(func() {
		for _, s := range c.servers {
			_ = s.Close()
		}
	})
	return c
}

// signIn signs an agent in and returns where the browser is sent.
func (c *crm) signIn(authorizeURL string, a Agent) (string, error) {
	target, err := c.SignIn(authorizeURL, emailOf(a))
	if err != nil {
		return "", err
	}
	u, err := url.Parse(target)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.codes[u.Query().Get("code")] = a
	return target, nil
}

// door is Smokeball as a node sees it.
func (c *crm) door(node string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/oauth2/token":
			c.exchange(node, w, r)
		case "/contacts":
			c.search(r)
			c.ServeHTTP(w, r)
		default:
			c.ServeHTTP(w, r)
		}
	})
}

// kept is an answer that is looked at before it is sent.
type kept struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (k *kept) WriteHeader(status int) { k.status = status }

func (k *kept) Write(b []byte) (int, error) { return k.body.Write(b) }

func (c *crm) exchange(node string, w http.ResponseWriter, r *http.Request) {
	e := Exchange{Node: node, Began: c.since()}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, _ := url.ParseQuery(string(body)) // the simulator refuses what is none
	k := &kept{ResponseWriter: w, status: http.StatusOK}
	c.ServeHTTP(k, r)
	// As long as across an ocean: what is under way is caught under way.
	time.Sleep(crossing)
	var answer struct {
		Refresh string `json:"refresh_token"`
		Access  string `json:"access_token"`
	}
	_ = json.Unmarshal(k.body.Bytes(), &answer)
	c.mu.Lock()
	if token := form.Get("refresh_token"); token != "" {
		e.Agent, e.Token = c.refresh[token], c.named(token)
	} else {
		e.Agent = c.codes[form.Get("code")]
	}
	if answer.Refresh != "" {
		c.refresh[answer.Refresh], e.Gives = e.Agent, c.named(answer.Refresh)
	}
	c.access[answer.Access] = e.Agent
	c.mu.Unlock()
	e.Status, e.Ended, e.Lost = k.status, c.since(), r.Context().Err() != nil
	c.h.Record(e)
	w.WriteHeader(k.status)
	_, _ = w.Write(k.body.Bytes())
}

// crossing is how long an answer of the token endpoint is on its way.
const crossing = 40 * time.Millisecond

// named names a token in the history. Under mu.
func (c *crm) named(token string) string {
	if c.names[token] == "" {
		c.names[token] = "token-" + strconv.Itoa(len(c.names))
	}
	return c.names[token]
}

// search notes whose caller is searched with whose token.
func (c *crm) search(r *http.Request) {
	var term string
	for name, values := range r.URL.Query() {
		if strings.EqualFold(name, "search") {
			term = values[0]
		}
	}
	digits := strings.Map(func(d rune) rune {
		if d < '0' || d > '9' {
			return -1
		}
		return d
	}, term)
	if len(digits) < 4 {
		return
	}
	caller, err := strconv.Atoi(digits[len(digits)-4:])
	if err != nil {
		return
	}
	c.mu.Lock()
	by := c.access[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	c.mu.Unlock()
	if by == (Agent{}) {
		return // of nobody: refused
	}
	c.h.Record(Search{By: by, Tenant: c.w.tenantOf(caller), At: c.since()})
}

func emailOf(a Agent) string { return "agent" + a.Extension + "@" + a.Tenant }
