package web

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

// changing are the requests that change something, with a body where they
// take one.
var changing = []struct{ method, target, body string }{
	{"POST", "/api/session", `{"invite":"x"}`},
	{"DELETE", "/api/session", ""},
	{"POST", "/api/pair", ""},
	{"DELETE", "/api/pair", ""},
	{"PUT", "/api/settings", `{"sound":true}`},
	{"DELETE", "/api/sessions/0123456789abcdef", ""},
	{"POST", "/api/dial", `{"number":"+16175550142"}`},
}

func TestForeignMissingAndLookAlikeOrigins(t *testing.T) {
	r := newRig(t)
	cookie := r.join(priya)
	for name, change := range map[string]func(*http.Request){
		"foreign":         header("Origin", "https://evil.example"),
		"missing":         without("Origin"),
		"null":            header("Origin", "null"),
		"empty":           header("Origin", ""),
		"plain http":      header("Origin", "http://pop.firm.example"),
		"another port":    header("Origin", home+":8443"),
		"as a subdomain":  header("Origin", home+".evil.example"),
		"as a prefix":     header("Origin", "https://evilpop.firm.example"),
		"as user info":    header("Origin", "https://pop.firm.example@evil.example"),
		"a parent domain": header("Origin", "https://firm.example"),
		"with a path":     header("Origin", home+"/"),
		"upper case":      header("Origin", "https://POP.firm.example"),
		"two":             func(q *http.Request) { q.Header["Origin"] = []string{home, "https://evil.example"} },
		"foreign, but same-origin": func(q *http.Request) {
			q.Header.Set("Origin", "https://evil.example")
			q.Header.Set("Sec-Fetch-Site", "same-origin")
		},
		"missing, from another site": func(q *http.Request) { q.Header.Del("Origin"); q.Header.Set("Sec-Fetch-Site", "cross-site") },
		"missing, from a sibling":    func(q *http.Request) { q.Header.Del("Origin"); q.Header.Set("Sec-Fetch-Site", "same-site") },
		"missing, typed in":          func(q *http.Request) { q.Header.Del("Origin"); q.Header.Set("Sec-Fetch-Site", "none") },
	} {
		for _, c := range changing {
			t.Run(name+" "+c.method+" "+c.target, func(t *testing.T) {
				wants(t, r.request(c.method, c.target, c.body, with(cookie), change), 403)
			})
		}
		t.Run(name+" websocket", func(t *testing.T) {
			wants(t, r.request("GET", "/ws", "", with(cookie), change), 403)
		})
	}
	if said := r.wall.said(); len(said) != 0 {
		t.Errorf("screens were told %q", said)
	}
}

func TestOwnOriginOrSameOriginPasses(t *testing.T) {
	r := newRig(t)
	cookie := r.join(priya)
	noOrigin := func(q *http.Request) { q.Header.Del("Origin"); q.Header.Set("Sec-Fetch-Site", "same-origin") }
	wants(t, r.request("POST", "/api/pair", "", with(cookie)), 200)
	wants(t, r.request("POST", "/api/pair", "", with(cookie), noOrigin), 200)
	wants(t, r.request("POST", "/api/pair", "", with(cookie), header("Sec-Fetch-Site", "cross-site")), 200) // an Origin that is there decides
	if res := r.request("GET", "/ws", "", with(cookie)); res.StatusCode != http.StatusTeapot {
		t.Errorf("websocket: %d", res.StatusCode)
	}
	wants(t, r.request("GET", "/ws", "", with(cookie), noOrigin), 403) // a websocket always has one
}

func TestWithoutASession(t *testing.T) {
	r := newRig(t)
	good := r.join(priya)
	for name, value := range map[string]string{
		"none": "", "short": "abc", "unknown": newToken(), "its hash": func() string { id, _ := hashed(good.Value); return id }(),
		"one letter off": "!" + good.Value[1:], "long": good.Value + "x",
	} {
		change := func(*http.Request) {}
		if value != "" {
			change = with(&http.Cookie{Name: good.Name, Value: value})
		}
		t.Run(name, func(t *testing.T) {
			wants(t, r.request("GET", "/api/me", "", change), 401)
			wants(t, r.request("GET", "/ws", "", change), 401)
			wants(t, r.request("POST", "/api/pair", "", change), 401)
			wants(t, r.request("DELETE", "/api/pair", "", change), 401)
			wants(t, r.request("DELETE", "/api/session", "", change), 401)
		})
	}
	// On https the name without the prefix, which any subdomain could set, counts for nothing.
	wants(t, r.request("GET", "/api/me", "", with(&http.Cookie{Name: "smokepop", Value: good.Value})), 401)
}

func TestReusedExpiredAndUnknownInvitesLookTheSame(t *testing.T) {
	r := newRig(t)
	used := r.invite(priya)
	wants(t, r.request("POST", "/api/session", `{"invite":"`+used+`"}`), 204)
	expired := r.invite(priya)
	r.clock.pass(inviteLife)
	var said []string
	for _, token := range []string{used, expired, newToken(), "x", ""} {
		res := r.request("POST", "/api/session", `{"invite":"`+token+`"}`)
		var p problem
		if err := json.Unmarshal([]byte(wants(t, res, 403)), &p); err != nil {
			t.Fatal(err)
		}
		if len(res.Cookies()) != 0 {
			t.Errorf("%q got a cookie", token)
		}
		said = append(said, p.Detail)
	}
	for _, s := range said {
		if s != msgNoInvite {
			t.Errorf("said %q", s)
		}
	}
}

func TestAnInviteIsGoodToTheLastSecond(t *testing.T) {
	r := newRig(t)
	token := r.invite(priya)
	r.clock.pass(inviteLife - time.Second)
	wants(t, r.request("POST", "/api/session", `{"invite":"`+token+`"}`), 204)
}

func TestGuessingIsLimited(t *testing.T) {
	r := newRig(t)
	guess := func(from, token string) *http.Response {
		return r.request("POST", "/api/session", `{"invite":"`+token+`"}`, func(q *http.Request) { q.RemoteAddr = from })
	}
	for i := range guessBurst {
		wants(t, guess(fmt.Sprintf("[2001:db8::%d]:1", i), newToken()), 403) // one /64
	}
	res := guess("[2001:db8::ffff]:1", r.invite(priya))
	wants(t, res, 429)
	wait, err := strconv.Atoi(res.Header.Get("Retry-After"))
	if err != nil || wait < 1 || wait > int(guessEvery.Seconds()) {
		t.Errorf("Retry-After %q", res.Header.Get("Retry-After"))
	}
	wants(t, guess("[2001:db8:0:1::1]:1", r.invite(priya)), 204) // the neighbour is not concerned
	wants(t, guess("192.0.2.1:1", r.invite(priya)), 204)
	r.clock.pass(time.Duration(wait) * time.Second)
	wants(t, guess("[2001:db8::1]:1", r.invite(priya)), 204)
}

// However many guesses come at once, who waits a little over a minute may sign
// in again: a guesser cannot lock an office out for the day.
func TestGuessersLeaveABoundedDebt(t *testing.T) {
	c := &clock{t: time.Unix(0, 0)}
	g := newGuesses(c.now)
	from := client(&http.Request{RemoteAddr: "192.0.2.1:1"})
	for range 10_000 {
		g.wrong(from)
	}
	if most := (guessBurst + 2) * guessEvery; g.wait(from) > most {
		t.Errorf("after many guesses at once the wait is %v, want at most %v", g.wait(from), most)
	}
}

func TestAWholeOfficeMaySignInAtOnce(t *testing.T) {
	r := newRig(t)
	for range 5 * guessBurst {
		r.join(priya)
	}
}

func TestGuessersFromEverywhereTakeBoundedMemory(t *testing.T) {
	c := &clock{t: time.Unix(0, 0)}
	g := newGuesses(c.now)
	address := func(i int) *http.Request {
		return &http.Request{RemoteAddr: fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255)}
	}
	for i := range guessAddresses + 100 {
		g.wrong(client(address(i)))
	}
	if len(g.by) > guessAddresses {
		t.Errorf("%d addresses are kept", len(g.by))
	}
	if g.wait(client(address(guessAddresses+50))) == 0 {
		t.Error("who does not fit in may guess freely")
	}
	c.pass(time.Hour)
	g.wrong(client(address(1 << 20)))
	if len(g.by) != 1 {
		t.Errorf("%d addresses are kept after an hour", len(g.by))
	}
}

func TestCallbackWithoutASession(t *testing.T) {
	r := newRig(t)
	state := r.begin(r.join(priya))
	res := r.callback("?code=c&state=" + state)
	if body := text(t, res); res.StatusCode != 403 || !strings.Contains(body, "not signed in") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if len(r.smokeball.paired) != 0 {
		t.Error("somebody is paired")
	}
}

func TestCallbackWithAStateOfAnotherSession(t *testing.T) {
	r := newRig(t)
	state := r.begin(r.join(priya))
	if res := r.callback("?code=c&state="+state, with(r.join(priya))); res.StatusCode != 403 {
		t.Errorf("the agent's other browser: %d", res.StatusCode)
	}
	if res := r.callback("?code=c&state="+state, with(r.join(daniel))); res.StatusCode != 403 {
		t.Errorf("another agent: %d", res.StatusCode)
	}
	if len(r.smokeball.paired) != 0 {
		t.Error("somebody is paired")
	}
}

func TestCallbackWithoutAStateAndTwice(t *testing.T) {
	r := newRig(t)
	cookie := r.join(priya)
	if res := r.callback("", with(cookie)); res.StatusCode != 400 {
		t.Errorf("without a state: %d", res.StatusCode)
	}
	state := r.begin(cookie)
	if res := r.callback("?code=c&state="+state, with(cookie)); res.StatusCode != 200 {
		t.Errorf("first: %d", res.StatusCode)
	}
	if res := r.callback("?code=c&state="+state, with(cookie)); res.StatusCode != 403 {
		t.Errorf("second: %d", res.StatusCode)
	}
}

func TestHeadOfTheCallbackPairsNobody(t *testing.T) {
	r := newRig(t)
	cookie := r.join(priya)
	state := r.begin(cookie)
	wants(t, r.request("HEAD", "/pair/callback?code=c&state="+state, "", with(cookie)), 405)
	if len(r.smokeball.paired) != 0 {
		t.Error("somebody is paired")
	}
}

func TestHostTricksChangeNothing(t *testing.T) {
	r := newRig(t)
	cookie := r.join(priya)
	for _, host := range []string{"evil.example", "", "pop.firm.example.evil.example", "127.0.0.1", "evil.example\"><script>"} {
		evil := func(q *http.Request) {
			q.Host = host
			q.Header.Set("X-Forwarded-Host", "evil.example")
			q.Header.Set("Forwarded", "host=evil.example")
		}
		for _, target := range []string{"/", "/join", "/api/me", "/pair/callback", "/nothing"} {
			res := r.request("GET", target, "", with(cookie), evil)
			if s := fmt.Sprint(res.Header) + text(t, res); strings.Contains(s, "evil") {
				t.Errorf("%s repeats the host %q: %s", target, host, s)
			}
		}
		// A page elsewhere that made its name point here is still elsewhere.
		wants(t, r.request("POST", "/api/pair", "", with(cookie), evil, header("Origin", "https://"+host)), 403)
		if body := r.adminCall("POST", "/v1/invites", `{"tenant":"firm.example.com","extension":"101"}`, evil); !strings.Contains(body, home+"/join#") {
			t.Errorf("invite: %s", body)
		}
	}
}

func TestBodiesThatAreNoJSON(t *testing.T) {
	for name, c := range map[string]struct {
		body, mediaType string
		status          int
	}{
		"form":             {"invite=x", "application/x-www-form-urlencoded", 415},
		"text":             {`{"invite":"x"}`, "text/plain", 415},
		"no type":          {`{"invite":"x"}`, "", 403},
		"not JSON":         {`invite`, "application/json", 400},
		"an array":         {`["x"]`, "application/json", 400},
		"wrong type":       {`{"invite":1}`, "application/json", 400},
		"empty":            {" ", "application/json", 400},
		"trailing bytes":   {`{"invite":"x"}{"invite":"y"}`, "application/json", 400},
		"cut off":          {`{"invite":"x`, "application/json", 400},
		"too large":        {`{"invite":"` + strings.Repeat("x", maxBody) + `"}`, "application/json", 413},
		"too large behind": {`{"invite":"x"}` + strings.Repeat(" ", maxBody), "application/json", 413},
		"a newer page":     {`{"invite":"x","more":{"a":[1]}}`, "application/json; charset=utf-8", 403},
	} {
		t.Run(name, func(t *testing.T) {
			wants(t, newRig(t).request("POST", "/api/session", c.body, header("Content-Type", c.mediaType)), c.status)
		})
	}
}

func TestABodyThatNeverComes(t *testing.T) {
	r := newRig(t)
	r.server.bodyTime = 20 * time.Millisecond
	server := httptest.NewServer(r.handler)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /api/session HTTP/1.1\r\nHost: x\r\nOrigin: %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"in", home)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(res.Body); res.StatusCode != 408 || !res.Close {
		t.Errorf("%d, close %v: %s", res.StatusCode, res.Close, body)
	}
}

func TestMethodsThatARouteDoesNotTake(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct{ method, target, allow string }{
		{"POST", "/", "GET, HEAD"},
		{"DELETE", "/join", "GET, HEAD"},
		{"GET", "/api/session", "POST, DELETE"},
		{"PUT", "/api/pair", "POST, DELETE"},
		{"GET", "/api/pair", "POST, DELETE"},
		{"POST", "/api/me", "GET"},
		{"OPTIONS", "/api/me", "GET"},
		{"POST", "/pair/callback", "GET"},
		{"POST", "/ws", "GET"},
		{"BREW", "/api/me", "GET"},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			res := r.request(c.method, c.target, "")
			wants(t, res, 405)
			if got := strings.Join(res.Header.Values("Allow"), ", "); got != c.allow {
				t.Errorf("Allow %q, want %q", got, c.allow)
			}
		})
	}
	// Neither does a header or a field stand in for the method.
	cookie := r.join(priya)
	wants(t, r.request("GET", "/api/session?_method=DELETE", "", with(cookie), header("X-Http-Method-Override", "DELETE")), 405)
	wants(t, r.request("GET", "/api/me", "", with(cookie)), 200)
	wants(t, r.request("BREW", "/nothing", ""), 404)
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	r := newRig(t)
	cookie := r.join(priya)
	for _, c := range []struct{ method, target string }{
		{"GET", "/"}, {"HEAD", "/"}, {"GET", "/join"}, {"GET", "/pair/callback"}, {"GET", "/api/me"}, {"GET", "/nothing"}, {"PUT", "/"},
		{"POST", "/api/session"}, {"DELETE", "/api/pair"}, {"GET", r.server.page.vars.Assets + "/app.js"}, {"GET", "/assets/x/y"}, {"GET", "/ws"},
	} {
		for _, change := range []func(*http.Request){with(cookie), func(*http.Request) {}, without("Origin")} {
			h := r.request(c.method, c.target, "", change).Header
			csp := h.Get("Content-Security-Policy")
			for _, want := range []string{
				"default-src 'none'", "script-src 'self';", "style-src 'self';", "connect-src 'self' wss://pop.firm.example;", "frame-ancestors 'none'",
				"base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'",
			} {
				if !strings.Contains(csp, want) {
					t.Errorf("%s %s: no %s in %q", c.method, c.target, want, csp)
				}
			}
			if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") || strings.Contains(csp, "http:") {
				t.Errorf("%s %s: loose policy %q", c.method, c.target, csp)
			}
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin",
				"X-Frame-Options": "DENY", "Strict-Transport-Security": "max-age=31536000",
			} {
				if got := h.Get(name); got != want {
					t.Errorf("%s %s: %s is %q", c.method, c.target, name, got)
				}
			}
			if got, asset := h.Get("Cache-Control"), strings.HasSuffix(c.target, ".js"); asset != strings.Contains(got, "immutable") || asset == (got == "no-store") {
				t.Errorf("%s %s: Cache-Control %q", c.method, c.target, got)
			}
			if h.Get("Access-Control-Allow-Origin") != "" || h.Get("X-Request-Id") == "" {
				t.Errorf("%s %s: %v", c.method, c.target, h)
			}
		}
	}
	plain := newRigAt(t, "http://localhost:8080").request("GET", "/", "").Header
	if plain.Get("Strict-Transport-Security") != "" || !strings.Contains(plain.Get("Content-Security-Policy"), "ws://localhost:8080;") {
		t.Errorf("loopback: %v", plain)
	}
}

func TestNoSecretReachesTheLog(t *testing.T) {
	r := newRig(t)
	token := r.invite(priya)
	wants(t, r.request("POST", "/api/session", `{"invite":"`+token+`"}`), 204)
	wants(t, r.request("POST", "/api/session", `{"invite":"`+token+`"}`), 403)
	cookie := r.join(priya)
	r.request("GET", "/"+cookie.Value, "", with(cookie))
	r.request("GET", "/api/me?token="+cookie.Value, "", with(cookie), header("User-Agent", cookie.Value), header("X-Request-Id", cookie.Value))
	r.request(strings.ToUpper(cookie.Value[:8]), "/api/me", "", with(cookie))
	r.callback("?code=secret-code&state=secret-state", with(cookie))
	r.request("DELETE", "/api/session", "", with(cookie))
	log := r.log.String()
	if !strings.Contains(log, "event=sign-in") || !strings.Contains(log, "event=sign-out") {
		t.Fatalf("log: %s", log)
	}
	for _, secret := range []string{token, cookie.Value, "secret-", "Priya", "priya@"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log shows %q:\n%s", secret, log)
		}
	}
}

func TestScriptInAnAgentsName(t *testing.T) {
	r := newRig(t)
	mallory := priya
	mallory.Extension, mallory.Name = "666", `</script><script>alert(1)</script>`
	r.directory.agents = append(r.directory.agents, mallory)
	res := r.request("GET", "/api/me", "", with(r.join(mallory)))
	if body := wants(t, res, 200); strings.ContainsAny(body, "<>") || res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s: %s", res.Header.Get("Content-Type"), body)
	}
}

func TestPathsOutOfTheAssets(t *testing.T) {
	r := newRig(t)
	assets := r.server.page.vars.Assets
	for _, target := range []string{
		assets + "/../index.html", assets + "/..%2findex.html", assets + "/%2e%2e/index.html", assets + "/..%5cindex.html", assets + "/index.html",
		assets + "/", assets, "/assets/0000000000000000/app.js", "/assets/../page.go", "/page/index.html", assets + "//app.js", assets + "/app.js/", assets + "/app.js%00",
		assets + "/APP.JS",
	} {
		if res := r.request("GET", target, ""); res.StatusCode != 404 {
			t.Errorf("%s: %d", target, res.StatusCode)
		}
	}
}

func TestNoAddressSendsTheBrowserElsewhere(t *testing.T) {
	r := newRig(t)
	cookie := r.join(priya)
	for _, target := range []string{
		"//evil.example", "//evil.example/..", "/\\evil.example", "/join?next=https://evil.example", "/?return=//evil.example",
		"/pair/callback?redirect_uri=https://evil.example&state=x", "/join/", "/%2f%2fevil.example", "/http://evil.example",
	} {
		res := r.request("GET", "/", "", with(cookie), func(q *http.Request) {
			u, err := q.URL.Parse(home)
			if err != nil {
				t.Fatal(err)
			}
			u.Path, u.RawQuery, _ = strings.Cut(target, "?")
			q.URL, q.RequestURI = u, target
		})
		if res.StatusCode/100 == 3 || res.Header.Get("Location") != "" || res.Header.Get("Refresh") != "" {
			t.Errorf("%s: %d %s", target, res.StatusCode, res.Header.Get("Location"))
		}
		if strings.Contains(text(t, res), "evil") {
			t.Errorf("%s is repeated", target)
		}
	}
}

func TestAPanicIsOneAnswerAndOneLine(t *testing.T) {
	r := newRig(t)
	r.handler = identified(r.server.answer(func(http.ResponseWriter, *http.Request) error { panic("oops") }))
	if body := wants(t, r.request("GET", "/", ""), 500); strings.Contains(body, "oops") {
		t.Errorf("the client reads the panic: %s", body)
	}
	// Its words may be anything, a token as well.
	if log := r.log.String(); !strings.Contains(log, "panic: string") || !strings.Contains(log, "hardening_test.go") || strings.Contains(log, "oops") {
		t.Errorf("the log does not say where and what kind, and no more: %s", log)
	}
}
