package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// pbx sends a request to the webhook as it is told.
func (s *system) pbx(method, path string, body io.Reader, change ...func(*http.Request)) (*http.Response, map[string]any) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.world.public+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth(s.world.access.Username, s.world.access.Password)
	for _, c := range change {
		c(req)
	}
	res, err := plainClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		s.t.Fatalf("the answer %s is no JSON: %v", res.Status, err)
	}
	return res, answer
}

// refused holds an answer against what a refusal has to be.
func refused(t *testing.T, res *http.Response, answer map[string]any, status int) {
	t.Helper()
	detail, _ := answer["detail"].(string)
	if res.StatusCode != status || res.Header.Get("Content-Type") != "application/problem+json" || detail == "" {
		t.Errorf("%s %s %v, want a problem with %d", res.Status, res.Header.Get("Content-Type"), answer, status)
	}
}

// ofSize is a good event of exactly n bytes.
func (s *system) ofSize(n int, id string) []byte {
	b, err := json.Marshal(event{"event": "ringing", "call_id": id, "from": s.stranger().E164(), "to": s.firm().Agents[0].Extension})
	if err != nil {
		s.t.Fatal(err)
	}
	return append(b, bytes.Repeat([]byte(" "), n-len(b))...)
}

func TestOversizeWebhookIsRefused(t *testing.T) {
	s := startSystem(t, systemOptions{})
	path := "/hooks/vodia/" + s.domain()
	for name, body := range map[string]func([]byte) io.Reader{
		"with a length": func(b []byte) io.Reader { return bytes.NewReader(b) },
		"chunked":       func(b []byte) io.Reader { return io.MultiReader(bytes.NewReader(b)) }, // of no known length
	} {
		t.Run(name, func(t *testing.T) {
			if res, answer := s.pbx(http.MethodPost, path, body(s.ofSize(64<<10, name))); res.StatusCode != http.StatusAccepted {
				t.Errorf("64 KiB: %s %v", res.Status, answer)
			}
			res, answer := s.pbx(http.MethodPost, path, body(s.ofSize(64<<10+1, name+" over")))
			refused(t, res, answer, http.StatusRequestEntityTooLarge)
		})
	}
	t.Run("with a length far over", func(t *testing.T) {
		conn := s.rawWebhook("Content-Length: 1000000000\r\n")
		if _, err := conn.Write(s.ofSize(64<<10+1, "far over")); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusRequestEntityTooLarge || !res.Close {
			t.Errorf("%s, close %v", res.Status, res.Close)
		}
	})
}

// A body that never ends does not get far either.
func TestEndlessChunkedWebhookIsCutOff(t *testing.T) {
	s := startSystem(t, systemOptions{})
	conn := s.rawWebhook("Transfer-Encoding: chunked\r\n")
	wrote := make(chan error, 1)
	go func() {
		chunk := fmt.Appendf(nil, "%x\r\n%s\r\n", 32<<10, strings.Repeat(" ", 32<<10))
		for {
			if _, err := conn.Write(chunk); err != nil {
				wrote <- err
				return
			}
		}
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err == nil { // the reset may overtake the answer
		_ = res.Body.Close()
		if res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s", res.Status)
		}
	}
	<-wrote // the daemon has closed on us
}

// rawWebhook opens a connection and sends the head of a webhook.
func (s *system) rawWebhook(headers string) net.Conn {
	s.t.Helper()
	host := strings.TrimPrefix(s.world.public, "http://")
	conn, err := new(net.Dialer).DialContext(s.t.Context(), "tcp", host)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(waitAtMost))
	credentials, err := http.NewRequest(http.MethodPost, "/", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	credentials.SetBasicAuth(s.world.access.Username, s.world.access.Password)
	fmt.Fprintf(conn, "POST /hooks/vodia/%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAuthorization: %s\r\n%s\r\n",
		s.domain(), host, credentials.Header.Get("Authorization"), headers)
	return conn
}

// Bodies that do not come delay nobody, and are given up.
func TestSlowWebhookBodiesHoldUpNobody(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := startSystem(t, systemOptions{})
	me := s.firm().Agents[0]
	sc := s.paired(me).open()
	var slow []net.Conn
	for range 50 {
		conn := s.rawWebhook("Content-Length: 200\r\n")
		if _, err := io.WriteString(conn, `{"event":`); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, conn)
	}
	s.nothingSince(sc, me.Extension, s.known()[0], "in between")
	for _, conn := range slow {
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("a slow one: %v", err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusBadRequest && res.StatusCode != http.StatusRequestTimeout || !res.Close {
			t.Errorf("a slow one is answered %s, close %v", res.Status, res.Close)
		}
	}
	if page := s.metrics(); !strings.Contains(page, "smokepop_screens 1\n") {
		t.Error("the screen went with them")
	}
}

func TestWebhookWithWrongCredentialsIsRefused(t *testing.T) {
	s := startSystem(t, systemOptions{world: func(w *demoWorld, settings map[string]any) {
		w.access.Token = "demo-webhook-token"
		webhook := settings["tenants"].([]map[string]any)[0]["pbx"].(map[string]any)["webhook"].(map[string]any)
		webhook["token"] = w.access.Token
	}})
	me := s.firm().Agents[0]
	sc := s.paired(me).open()
	token := func(r *http.Request) { r.Header.Set("X-Smokepop-Token", s.world.access.Token) }
	path := "/hooks/vodia/" + s.domain()
	for name, change := range map[string][]func(*http.Request){
		"none":                  {func(r *http.Request) { r.Header.Del("Authorization") }},
		"the token alone":       {token, func(r *http.Request) { r.Header.Del("Authorization") }},
		"the password alone":    {},
		"a wrong password":      {token, func(r *http.Request) { r.SetBasicAuth("vodia", "wrong") }},
		"no password":           {token, func(r *http.Request) { r.SetBasicAuth("vodia", "") }},
		"a wrong user":          {token, func(r *http.Request) { r.SetBasicAuth("admin", s.world.access.Password) }},
		"a password's start":    {token, func(r *http.Request) { r.SetBasicAuth("vodia", s.world.access.Password[:5]) }},
		"a wrong token":         {func(r *http.Request) { r.Header.Set("X-Smokepop-Token", "wrong") }},
		"an empty token":        {func(r *http.Request) { r.Header.Set("X-Smokepop-Token", "") }},
		"Bearer for Basic":      {token, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+s.world.access.Password) }},
		"nonsense for Basic":    {token, func(r *http.Request) { r.Header.Set("Authorization", "Basic !!!") }},
		"in the query string":   {func(r *http.Request) { r.Header.Del("Authorization"); r.URL.RawQuery = "token=" + s.world.access.Token }},
		"an agent's own cookie": {func(r *http.Request) { r.Header.Del("Authorization"); r.AddCookie(s.signIn(me.Extension).cookie) }},
	} {
		t.Run(name, func(t *testing.T) {
			body := fmt.Sprintf(`{"event":"ringing","call_id":%q,"from":%q,"to":%q}`, name, s.known()[0].E164(), me.Extension)
			res, answer := s.pbx(http.MethodPost, path, strings.NewReader(body), change...)
			refused(t, res, answer, http.StatusUnauthorized)
			if res.Header.Get("WWW-Authenticate") == "" {
				t.Error("no WWW-Authenticate")
			}
		})
	}
	body := fmt.Sprintf(`{"event":"ringing","call_id":"right","from":%q,"to":%q}`, s.known()[0].E164(), me.Extension)
	if res, answer := s.pbx(http.MethodPost, path, strings.NewReader(body), token); res.StatusCode != http.StatusAccepted {
		t.Errorf("the right ones: %s %v", res.Status, answer)
	}
	if pop := sc.next("pop"); dig(pop, "pop", "call", "id") != "right" {
		t.Errorf("the first pop is of %v", dig(pop, "pop", "call", "id"))
	}
}

// Nobody's address is what a header says while no proxy is named.
func TestForwardedHeadersAreIgnoredWithoutTrustedProxies(t *testing.T) {
	forged := func(r *http.Request) {
		for name, value := range map[string]string{
			"X-Forwarded-For": "10.1.2.3", "X-Real-Ip": "10.1.2.3", "True-Client-Ip": "10.1.2.3", "Cf-Connecting-Ip": "10.1.2.3",
			"Forwarded": "for=10.1.2.3", "X-Client-Ip": "10.1.2.3",
		} {
			r.Header.Set(name, value)
		}
	}
	allow := func(trusted ...string) func(*demoWorld, map[string]any) {
		return func(_ *demoWorld, settings map[string]any) {
			webhook := settings["tenants"].([]map[string]any)[0]["pbx"].(map[string]any)["webhook"].(map[string]any)
			webhook["allow"] = []string{"10.0.0.0/8"}
			if trusted != nil {
				settings["trusted_proxies"] = trusted
			}
		}
	}
	send := func(s *system) (*http.Response, map[string]any) {
		body := fmt.Sprintf(`{"event":"ringing","call_id":"x","from":%q,"to":%q}`, s.known()[0].E164(), s.firm().Agents[0].Extension)
		return s.pbx(http.MethodPost, "/hooks/vodia/"+s.domain(), strings.NewReader(body), forged)
	}
	t.Run("the PBX's networks", func(t *testing.T) {
		res, answer := send(startSystem(t, systemOptions{world: allow()}))
		refused(t, res, answer, http.StatusForbidden)
	})
	t.Run("another proxy is trusted", func(t *testing.T) {
		res, answer := send(startSystem(t, systemOptions{world: allow("192.0.2.1")}))
		refused(t, res, answer, http.StatusForbidden)
	})
	t.Run("this proxy is trusted", func(t *testing.T) {
		if res, answer := send(startSystem(t, systemOptions{world: allow("127.0.0.1")})); res.StatusCode != http.StatusAccepted {
			t.Errorf("%s %v", res.Status, answer)
		}
	})
}

// Guessing invites is slowed down by where it really comes from.
func TestForwardedHeadersDoNotHelpGuessing(t *testing.T) {
	s := startSystem(t, systemOptions{})
	v := &visitor{t: t, public: s.world.public}
	for i := range 50 {
		res, _ := v.request(http.MethodPost, "/api/session", `{"invite":"made-up"}`, func(r *http.Request) {
			r.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i))
			r.Header.Set("X-Real-Ip", fmt.Sprintf("203.0.113.%d", i))
		})
		switch res.StatusCode {
		case http.StatusForbidden:
		case http.StatusTooManyRequests:
			if res.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			return
		default:
			t.Fatalf("a guess is answered %s", res.Status)
		}
	}
	t.Error("fifty guesses and no end")
}
