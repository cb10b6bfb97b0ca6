package simulator_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/smokepop/smokepop/internal/simulator"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	redirect = "https://pop.firm.example/pair/callback"
	priya    = "priya@firm.example"
	verifier = "an-invented-verifier-of-forty-three-characters-0123"
)

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 8, 3, 9, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// world is a Smokeball on a loopback listener with a browser and an
// application that never follow a redirect.
type world struct {
	*testing.T
	*Smokeball
	*clock
	url    string
	client Client
	http   *http.Client
}

func newWorld(t *testing.T, change func(*Options)) *world {
	t.Helper()
	w := &world{T: t, clock: newClock(), client: DefaultClient(redirect)}
	o := Options{Firm: NewFirm(), Clients: []Client{w.client}, Now: w.Now}
	if change != nil {
		change(&o)
	}
	w.Smokeball = NewSmokeball(o)
	server := httptest.NewServer(w.Smokeball)
	t.Cleanup(server.Close)
	w.url = server.URL
	w.http = &http.Client{
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(w.http.CloseIdleConnections)
	return w
}

// answer is a whole answer of the server.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(a.body))
	d.UseNumber()
	m := map[string]any{}
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%v in %q", err, a.body)
	}
	return m
}

func (w *world) do(r *http.Request) (answer, error) {
	res, err := w.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(b)}, err
}

func (w *world) must(r *http.Request) answer {
	w.Helper()
	a, err := w.do(r)
	if err != nil {
		w.Fatal(err)
	}
	return a
}

func (w *world) request(method, path string, form url.Values) *http.Request {
	w.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(w.Context(), method, w.url+path, body)
	if err != nil {
		w.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

func (w *world) authorizeQuery() url.Values {
	return url.Values{
		"response_type": {"code"}, "client_id": {w.client.ID}, "redirect_uri": {redirect}, "state": {"st-1"},
		"code_challenge": {challenge()}, "code_challenge_method": {"S256"},
	}
}

// code signs a user in and returns the code.
func (w *world) code(email string) string {
	w.Helper()
	target, err := w.SignIn(w.url+"/oauth2/authorize?"+w.authorizeQuery().Encode(), email)
	if err != nil {
		w.Fatal(err)
	}
	u, err := url.Parse(target)
	if err != nil || u.Query().Get("code") == "" {
		w.Fatalf("no code in %q, %v", target, err)
	}
	return u.Query().Get("code")
}

func (w *world) exchangeForm(code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "client_id": {w.client.ID}, "redirect_uri": {redirect},
		"code": {code}, "code_verifier": {verifier},
	}
}

func (w *world) tokenRequest(form url.Values) *http.Request {
	r := w.request("POST", "/oauth2/token", form)
	r.SetBasicAuth(w.client.ID, w.client.Secret)
	return r
}

func (w *world) refreshWith(token string) answer {
	w.Helper()
	return w.must(w.tokenRequest(url.Values{"grant_type": {"refresh_token"}, "client_id": {w.client.ID}, "refresh_token": {token}}))
}

type pair struct{ access, refresh string }

func (w *world) pair(email string) pair {
	w.Helper()
	a := w.must(w.tokenRequest(w.exchangeForm(w.code(email))))
	if a.status != http.StatusOK {
		w.Fatalf("exchange: %d %s", a.status, a.body)
	}
	m := a.json(w.T)
	return pair{m["access_token"].(string), m["refresh_token"].(string)}
}

func (w *world) get(access, path string) answer {
	w.Helper()
	r := w.request("GET", path, nil)
	r.Header.Set("Authorization", "Bearer "+access)
	r.Header.Set("x-api-key", w.client.APIKey)
	return w.must(r)
}

// names returns the names of the contacts a search finds.
func (w *world) names(access string, query url.Values) []string {
	w.Helper()
	a := w.get(access, "/contacts?"+query.Encode())
	if a.status != http.StatusOK {
		w.Fatalf("%s: %d %s", query.Encode(), a.status, a.body)
	}
	out := []string{}
	for _, v := range a.json(w.T)["value"].([]any) {
		c := v.(map[string]any)
		switch {
		case c["person"] != nil:
			p := c["person"].(map[string]any)
			out = append(out, p["firstName"].(string)+" "+p["lastName"].(string))
		case c["company"] != nil:
			out = append(out, c["company"].(map[string]any)["name"].(string))
		case c["trust"] != nil:
			out = append(out, c["trust"].(map[string]any)["name"].(string))
		default:
			out = append(out, "a group")
		}
	}
	return out
}
