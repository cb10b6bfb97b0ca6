package daemon

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/go-chi/chi/v5"

	"github.com/smokepop/smokepop/internal/simulator"
)

// describedOffice is an office in which everything is turned on that has routes,
// and the description that its daemon serves.
func describedOffice(t *testing.T) (*office, *openapi3.T) {
	t.Helper()
	firm := simulator.NewFirm()
	f := openOffice(t, officeOptions{
		firms: []*simulator.Firm{firm}, dir: t.TempDir(), events: "webhook",
		desks: func(a simulator.Agent) bool { return a.Extension == firm.Agents[0].Extension },
		config: func(c map[string]any) {
			c["embed"] = map[string]any{"allowed_parents": []string{"http://localhost:8080"}}
			c["sign_in"] = map[string]any{"pbx_password": true}
			c["admins"] = []map[string]any{{"email": "it@firm.example"}}
		},
	})
	res, err := f.client.Get(ourURL + "/api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s %v", res.Status, err)
	}
	for _, header := range []string{"Content-Security-Policy", "X-Content-Type-Options", "X-Request-Id", "ETag"} {
		if res.Header.Get(header) == "" {
			t.Errorf("the description comes without %s", header)
		}
	}
	doc, err := openapi3.NewLoader().LoadFromData(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context(), openapi3.IsOpenAPI31OrLater()); err != nil {
		t.Error(err)
	}
	return f, doc
}

// webhookRoutes are the receiver's paths, which it reads itself, by every method
// there is.
func webhookRoutes(h http.Handler) http.Handler {
	r := chi.NewRouter()
	for _, path := range []string{"/hooks/vodia/{domain}", "/hooks/vodia/{domain}/{event}/{extension}"} {
		r.Handle(path, h)
	}
	return r
}

// Every route is described and every description has its route. What a route
// takes and the description does not have is answered with 405.
func TestEveryRouteIsDescribed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, doc := describedOffice(t)
		defer f.stop()
		there := map[string]bool{}
		for _, h := range []http.Handler{f.daemon.parts.web.Handler(), webhookRoutes(f.daemon.parts.receiver.Handler()), f.daemon.parts.ops(newRegistry("test"), nil)} {
			err := chi.Walk(h.(chi.Routes), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
				there[method+" "+route] = true
				if item := doc.Paths.Value(route); item != nil && item.GetOperation(method) != nil {
					return nil
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(method, strings.NewReplacer("{domain}", f.firms[0].firm.Domain, "{event}", "ringing", "{extension}", "101").Replace(route), nil))
				if w.Code != http.StatusMethodNotAllowed {
					t.Errorf("%s %s is not in internal/web/openapi.json, and answers %d", method, route, w.Code)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for route, item := range doc.Paths.Map() {
			for method := range item.Operations() {
				if !there[method+" "+route] {
					t.Errorf("internal/web/openapi.json has %s %s, and there is no such route", method, route)
				}
			}
		}
	})
}

// docs/admin-api.md has a row for each route of the admin socket, and no other.
func TestEveryAdminRouteIsDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/admin-api.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z]+ /v1/[^`]+)` \\|").FindAllStringSubmatch(string(b), -1) {
		documented[row[1]] = true
	}
	synctest.Test(t, func(t *testing.T) {
		f := openOffice(t, officeOptions{firms: []*simulator.Firm{simulator.NewFirm()}, dir: t.TempDir(), desks: func(simulator.Agent) bool { return false }})
		defer f.stop()
		err := chi.Walk(f.daemon.parts.web.Admin().(chi.Routes), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
			if !documented[method+" "+route] {
				t.Errorf("docs/admin-api.md has no row for %s %s", method, route)
			}
			delete(documented, method+" "+route)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	for route := range documented {
		t.Errorf("docs/admin-api.md has %s, and there is no such route", route)
	}
}

// reader asks the daemon and holds what it answers against the description.
type reader struct {
	t      *testing.T
	f      *office
	router routers.Router
	seen   map[string][]int // statuses by operation

	cookies []*http.Cookie // of the answer before
}

type request struct {
	cookie, body string
	header       map[string]string
	strange      bool // not as described, and meant so
}

// ask sends a request and returns the answer's body.
func (d *reader) ask(status int, method, url string, q request) []byte {
	d.t.Helper()
	var body io.Reader
	if q.body != "" {
		body = strings.NewReader(q.body)
	}
	r, err := http.NewRequestWithContext(d.t.Context(), method, url, body)
	if err != nil {
		d.t.Fatal(err)
	}
	if method != http.MethodGet {
		r.Header.Set("Origin", ourURL)
	}
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
	if strings.HasPrefix(q.body, "{") {
		r.Header.Set("Content-Type", "application/json")
	}
	if q.cookie != "" {
		r.Header.Set("Cookie", q.cookie)
	}
	what := method + " " + r.URL.Path
	route, params, err := d.router.FindRoute(r)
	if err != nil {
		d.t.Fatalf("%s is not described: %v", what, err)
	}
	in := &openapi3filter.RequestValidationInput{Request: r.Clone(d.t.Context()), PathParams: params, Route: route, Options: &openapi3filter.Options{
		IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
	}}
	if q.body != "" {
		in.Request.Body = io.NopCloser(strings.NewReader(q.body))
	}
	if err := openapi3filter.ValidateRequest(d.t.Context(), in); (err != nil) != q.strange {
		d.t.Errorf("%s, as the description reads it: %v, want an error: %t", what, err, q.strange)
	}
	res, err := d.f.client.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	d.cookies = res.Cookies()
	var answer []byte
	if res.StatusCode != http.StatusSwitchingProtocols {
		if answer, err = io.ReadAll(res.Body); err != nil {
			d.t.Fatal(err)
		}
	}
	if res.StatusCode != status {
		d.t.Errorf("%s: %d, want %d: %s", what, res.StatusCode, status, answer)
	}
	err = openapi3filter.ValidateResponse(d.t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: res.StatusCode, Header: res.Header, Body: io.NopCloser(bytes.NewReader(answer)), Options: in.Options,
	})
	if err != nil {
		d.t.Errorf("%s: the answer %d is not as described: %v\n%s", what, res.StatusCode, err, answer)
	}
	// A HEAD's answer is not looked at above.
	if route.Operation.Responses.Status(res.StatusCode) == nil {
		d.t.Errorf("%s: the answer %d is not described", what, res.StatusCode)
	}
	op := route.Operation.OperationID
	d.seen[op] = append(d.seen[op], res.StatusCode)
	return answer
}

// read is ask for JSON.
func (d *reader) read(status int, method, url string, q request, out any) {
	d.t.Helper()
	if err := json.Unmarshal(d.ask(status, method, url, q), out); err != nil {
		d.t.Errorf("%s %s: %v", method, url, err)
	}
}

// Each operation has been answered as described, with a success and, where one
// is described, with a problem.
func TestAnswersAreAsDescribed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, doc := describedOffice(t)
		defer f.stop()
		for _, item := range doc.Paths.Map() {
			item.Servers = nil // one network here; which listener has which route is the daemon's matter
		}
		router, err := gorillamux.NewRouter(doc)
		if err != nil {
			t.Fatal(err)
		}
		d := &reader{t: t, f: f, router: router, seen: map[string][]int{}}
		d.askForPages()
		d.askAsAgent()
		d.askAsPBX()
		d.askOps()
		d.askAsAdmin()
		for _, item := range doc.Paths.Map() {
			for _, op := range item.Operations() {
				good := func(status int) bool { return status < 400 }
				bad := func(status int) bool { return status >= 400 && status < 500 }
				// Its success needs an identity provider: cmd/smokepopd has one.
				if !slices.Contains([]string{"beginSignOn", "finishSignOn", "beginAdminSignOn"}, op.OperationID) && !slices.ContainsFunc(d.seen[op.OperationID], good) {
					t.Errorf("%s: no success was looked at", op.OperationID)
				}
				for code := range op.Responses.Map() {
					if strings.HasPrefix(code, "4") && !slices.Contains(onlyWithoutAdmins, op.OperationID) && !slices.ContainsFunc(d.seen[op.OperationID], bad) {
						t.Errorf("%s: no problem was looked at, though %s is described", op.OperationID, code)
					}
				}
			}
		}
	})
}

// Their problem is that there is no admin: internal/web has a test of that.
var onlyWithoutAdmins = []string{"adminPage", "adminPageHead", "adminSignInWays"}

func (d *reader) askForPages() {
	for _, path := range []string{"/", "/join", "/embed", "/embed.js", "/embed/connect", "/manifest.webmanifest", "/api/openapi.json"} {
		d.ask(200, "GET", ourURL+path, request{})
		if path != "/embed/connect" {
			d.ask(200, "HEAD", ourURL+path, request{})
		}
	}
	var manifest struct{ Icons []struct{ Src string } }
	d.read(200, "GET", ourURL+"/manifest.webmanifest", request{}, &manifest)
	icon := manifest.Icons[0].Src
	assets := icon[:strings.LastIndexByte(icon, '/')+1]
	for _, name := range []string{"app.js", "app.css", "icon.svg", "icon-192.png"} {
		d.ask(200, "GET", ourURL+assets+name, request{})
	}
	d.ask(200, "HEAD", ourURL+icon, request{})
	d.ask(404, "GET", ourURL+"/assets/no/icon.svg", request{})
	d.ask(404, "HEAD", ourURL+"/assets/no/icon.svg", request{})
}

func (d *reader) askAsAgent() {
	firm := d.f.firms[0].firm
	first, second := firm.Agents[0].Extension, firm.Agents[1]
	cookie := d.f.desks[firm.Domain+" "+first].cookie

	d.ask(200, "GET", ourURL+"/api/sign-in", request{})
	d.ask(404, "GET", ourURL+"/sign-in/oidc?choose=1", request{})
	d.ask(404, "GET", ourURL+"/sign-in/oidc/callback?code=c&state=s", request{})
	d.ask(403, "POST", ourURL+"/api/session", request{body: `{"invite":"none"}`})
	d.ask(400, "POST", ourURL+"/api/session", request{body: `{`, strange: true})
	d.ask(415, "POST", ourURL+"/api/session", request{body: "invite=none", header: map[string]string{"Content-Type": "text/plain"}, strange: true})
	login, err := json.Marshal(map[string]string{"tenant": firm.Domain, "extension": second.Extension, "password": "wrong"})
	if err != nil {
		d.t.Fatal(err)
	}
	d.ask(403, "POST", ourURL+"/api/session", request{body: string(login)})
	for d.seen["signIn"][len(d.seen["signIn"])-1] == 403 && len(d.seen["signIn"]) < 20 {
		d.ask(map[bool]int{true: 403, false: 429}[len(d.seen["signIn"]) < 8], "POST", ourURL+"/api/session", request{body: string(login)})
	}

	var expected struct{ Nonce, Proof string }
	d.f.ask("POST", "http://"+adminAddress+"/v1/doctor/knock", "", nil, &expected)
	d.ask(200, "GET", ourURL+"/api/knock/"+expected.Nonce, request{})
	d.ask(404, "GET", ourURL+"/api/knock/none", request{})

	for _, path := range []string{"/api/me", "/api/sessions", "/api/settings"} {
		d.ask(200, "GET", ourURL+path, request{cookie: cookie})
		d.ask(401, "GET", ourURL+path, request{})
	}
	d.ask(200, "PUT", ourURL+"/api/settings", request{cookie: cookie, body: `{"inbound":false,"on":null}`})
	d.ask(400, "PUT", ourURL+"/api/settings", request{cookie: cookie, body: `{"on":"sometimes"}`, strange: true})
	d.ask(200, "PUT", ourURL+"/api/settings", request{cookie: cookie, body: `{"inbound":null}`})

	var begun struct {
		URL string `json:"authorize_url"`
	}
	d.read(200, "POST", ourURL+"/api/pair", request{cookie: cookie}, &begun)
	d.ask(403, "POST", ourURL+"/api/pair", request{cookie: cookie, header: map[string]string{"Origin": "https://elsewhere.example"}})
	back, err := d.f.firms[0].smokeball.SignIn(begun.URL, firm.Agents[0].Email)
	if err != nil {
		d.t.Fatal(err)
	}
	d.ask(200, "GET", back, request{cookie: cookie})
	d.ask(200, "GET", ourURL+"/admin/api/numbers", request{cookie: d.signInAsAdmin()})
	d.ask(400, "GET", ourURL+"/pair/callback", request{cookie: cookie})
	d.ask(403, "GET", ourURL+"/pair/callback?code=c&state=s", request{})

	// A number of a call on the page is dialled, and no other.
	firmSite := d.f.firms[0]
	if err := (simulator.Traffic{PBX: firmSite.pbx, Firm: firm, PerMinute: 10, Agent: first, Calls: 3, Seed: 1}).Run(d.t.Context()); err != nil {
		d.t.Error(err)
	}
	synctest.Wait()
	desk := d.f.desks[firm.Domain+" "+first]
	desk.mu.Lock()
	var number string
	for _, p := range desk.recent {
		number = p.Call.Number.Canonical
	}
	desk.mu.Unlock()
	dial, err := json.Marshal(map[string]string{"pop": "", "number": number})
	if err != nil {
		d.t.Fatal(err)
	}
	d.ask(204, "POST", ourURL+"/api/dial", request{cookie: cookie, body: string(dial)})
	d.ask(403, "POST", ourURL+"/api/dial", request{cookie: cookie, body: `{"pop":"","number":"+16175550000"}`})

	handshake := map[string]string{
		"Origin": ourURL, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "smokepop.v1",
	}
	d.ask(101, "GET", ourURL+"/ws", request{cookie: cookie, header: handshake})
	d.ask(401, "GET", ourURL+"/ws", request{header: handshake})
	d.ask(426, "GET", ourURL+"/ws", request{cookie: cookie, header: map[string]string{"Origin": ourURL}, strange: true})
	handshake["Origin"] = "https://elsewhere.example"
	d.ask(403, "GET", ourURL+"/ws", request{cookie: cookie, header: handshake})

	var ticket struct{ Ticket string }
	d.read(200, "POST", ourURL+"/api/embed/ticket", request{cookie: cookie}, &ticket)
	d.ask(401, "POST", ourURL+"/api/embed/ticket", request{})
	d.ask(204, "POST", ourURL+"/api/embed/session", request{body: `{"ticket":"` + ticket.Ticket + `"}`})
	d.ask(403, "POST", ourURL+"/api/embed/session", request{body: `{"ticket":"` + ticket.Ticket + `"}`})

	d.ask(200, "DELETE", ourURL+"/api/pair", request{cookie: cookie})
	d.ask(401, "DELETE", ourURL+"/api/pair", request{})
	d.ask(404, "DELETE", ourURL+"/api/sessions/none", request{cookie: cookie})
	var mine struct {
		Sessions []struct {
			ID      string
			Current bool
		}
	}
	var invite struct{ URL string }
	d.f.ask("POST", "http://"+adminAddress+"/v1/invites", "", map[string]string{"tenant": firm.Domain, "extension": first}, &invite)
	_, token, _ := strings.Cut(invite.URL, "#")
	d.ask(204, "POST", ourURL+"/api/session", request{body: `{"invite":"` + token + `"}`})
	d.read(200, "GET", ourURL+"/api/sessions", request{cookie: cookie}, &mine)
	for _, s := range mine.Sessions {
		if !s.Current {
			d.ask(204, "DELETE", ourURL+"/api/sessions/"+s.ID, request{cookie: cookie})
		}
	}
	d.ask(204, "DELETE", ourURL+"/api/session", request{cookie: cookie})
	d.ask(401, "DELETE", ourURL+"/api/session", request{cookie: cookie})
}

func (d *reader) askAsPBX() {
	firm := d.f.firms[0].firm
	at := ourURL + "/hooks/vodia/" + firm.Domain
	agent := firm.Agents[1].Extension
	access := map[string]string{"Authorization": basic("vodia", "webhook-password")}
	form := map[string]string{"Authorization": access["Authorization"], "Content-Type": "application/x-www-form-urlencoded"}
	for i, method := range []string{"POST", "PUT", "GET"} {
		id := "described-" + method
		event := `{"event":"ringing","call_id":"` + id + `","from":"+16173998147","to":` + agent + `,"extension":["` + agent + `"],"direction":"in"}`
		query := "event=ringing&call_id=" + id + "&from=%2B16173998147&to=" + agent + "&extension=" + agent
		here, body, header := at, event, access
		switch i {
		case 1:
			body, header = query, form
		case 2:
			here, body = at+"?"+query, ""
		}
		d.ask(202, method, here, request{body: body, header: header})
		d.ask(200, method, here, request{body: body, header: header})
		d.ask(401, method, here, request{body: body, header: map[string]string{"Content-Type": header["Content-Type"]}})
		account := at + "/connected/" + agent + strings.TrimPrefix(here, at)
		d.ask(202, method, account, request{body: strings.Replace(body, `"ringing"`, `"connected"`, 1), header: header})
		d.ask(200, method, account, request{body: strings.Replace(body, `"ringing"`, `"connected"`, 1), header: header})
		d.ask(404, method, ourURL+"/hooks/vodia/elsewhere.example/connected/"+agent, request{header: access})
	}
	d.ask(400, "POST", at, request{body: `{"event":"ringing"}`, header: access})
	d.ask(413, "POST", at, request{body: strings.Repeat("x", 70_000), header: form})
	d.ask(415, "POST", at, request{body: "<event/>", header: map[string]string{"Authorization": access["Authorization"], "Content-Type": "text/xml"}, strange: true})
}

func (d *reader) askAsAdmin() {
	firm := d.f.firms[0].firm
	api := ourURL + "/admin/api"
	for _, path := range []string{"/admin", "/admin/calls"} {
		d.ask(200, "GET", ourURL+path, request{})
		d.ask(200, "HEAD", ourURL+path, request{})
	}
	d.ask(404, "GET", ourURL+"/admin/nothing", request{strange: true})
	d.ask(404, "HEAD", ourURL+"/admin/nothing", request{strange: true})
	d.ask(404, "GET", ourURL+"/admin/sign-in", request{})
	d.ask(200, "GET", api+"/sign-in", request{})
	cookie := d.signInAsAdmin()

	whom := "?tenant=" + firm.Domain + "&extension=" + firm.Agents[1].Extension
	agent := `{"tenant":"` + firm.Domain + `","extension":"` + firm.Agents[1].Extension + `","reason":"A test."}`
	for path, status := range map[string]int{
		"/me": 200, "/agents" + whom: 200, "/sessions" + whom: 200, "/calls": 200, "/trace" + whom: 200, "/directory": 200, "/configuration": 200,
	} {
		d.ask(status, "GET", api+path, request{cookie: cookie})
		d.ask(401, "GET", api+path, request{})
	}
	for path, body := range map[string]string{
		"/invites": agent, "/sign-out": agent, "/unpair": agent, "/directory/refresh": "",
		"/dry-run": `{"content_type":"application/json","body":"{\"event\":\"ringing\",\"call_id\":\"c\",\"from\":\"+16173998147\",\"extension\":\"` + firm.Agents[1].Extension + `\"}"}`,
	} {
		d.ask(200, "POST", api+path, request{cookie: cookie, body: body})
		d.ask(403, "POST", api+path, request{cookie: cookie, body: body, header: map[string]string{"Origin": "https://elsewhere.example"}})
	}
	d.ask(401, "GET", api+"/numbers", request{})
	d.ask(204, "DELETE", api+"/session", request{cookie: cookie})
	d.ask(401, "DELETE", api+"/session", request{cookie: cookie})
}

// signInAsAdmin returns the cookie of an admin's session.
func (d *reader) signInAsAdmin() string {
	d.t.Helper()
	var made struct{ URL string }
	d.f.ask("POST", "http://"+adminAddress+"/v1/admin/links", "", map[string]string{}, &made)
	_, link, _ := strings.Cut(made.URL, "#")
	d.ask(204, "POST", ourURL+"/admin/api/session", request{body: `{"link":"` + link + `"}`})
	cookies := d.cookies
	d.ask(403, "POST", ourURL+"/admin/api/session", request{body: `{"link":"` + link + `"}`})
	if len(cookies) != 1 {
		d.t.Fatalf("cookies %v", cookies)
	}
	return cookies[0].Name + "=" + cookies[0].Value
}

func (d *reader) askOps() {
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		d.ask(200, "GET", "http://"+opsAddress+path, request{})
	}
}

func basic(user, password string) string {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return r.Header.Get("Authorization")
}
