package simulator_test

import (
	"bufio"
	"encoding/base64"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"

	. "github.com/smokepop/smokepop/internal/simulator"
)

func TestEchoesHoldTheWholeRequest(t *testing.T) {
	w := newWorld(t, nil)
	form := url.Values{"grant_type": {"refresh_token"}, "client_id": {w.client.ID}, "refresh_token": {"rt-canary"}}
	ask := func() answer {
		r := w.tokenRequest(form)
		r.URL.RawQuery = "in=the-query"
		res, err := w.http.Transport.RoundTrip(r) // a client would fail at the address that is none
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer{res.StatusCode, res.Header, string(b)}
	}
	basic := base64.StdEncoding.EncodeToString([]byte(w.client.ID + ":" + w.client.Secret))
	for _, row := range []struct {
		name   string
		fault  Fault
		status int
		code   string // the JSON's error
	}{
		{"400", EchoJSON(TokenEndpoint, 400, "invalid_request"), 400, "invalid_request"},
		{"401", EchoJSON(TokenEndpoint, 401, "invalid_client"), 401, "invalid_client"},
		{"500", EchoJSON(TokenEndpoint, 500, "server_error"), 500, "server_error"},
		{"400, in the code too", EchoJSON(TokenEndpoint, 400, ""), 400, "rt-canary"},
		{"page", EchoHTML(TokenEndpoint, 400), 400, ""},
		{"page instead of tokens", EchoHTML(TokenEndpoint, 200), 200, ""},
		{"redirect that is none", EchoRedirect(TokenEndpoint, 302), 302, ""},
	} {
		undo := w.Inject(row.fault)
		for range 2 {
			a := ask()
			places := []string{a.header.Get("WWW-Authenticate"), a.header.Get("Retry-After"), a.header.Get("Warning"), a.header.Get("RequestId")}
			if to := a.header.Get("Location"); to != "" {
				if _, err := url.Parse(to); err == nil {
					t.Errorf("%s: %q is a URL", row.name, to)
				}
				places = append(places, to)
			} else {
				places = append(places, a.body)
			}
			if strings.HasPrefix(a.body, "{") {
				m := a.json(t)
				if !strings.Contains(m["error"].(string), row.code) {
					t.Errorf("%s: the error is %q", row.name, m["error"])
				}
				places = append(places, m["error_description"].(string))
			} else if row.code != "" {
				t.Errorf("%s is no JSON", row.name)
			}
			if a.status != row.status {
				t.Errorf("%s: %d", row.name, a.status)
			}
			for i, place := range places {
				for _, part := range []string{"refresh_token=rt-canary", basic, w.client.Secret, "in=the-query"} {
					if !strings.Contains(place, part) {
						t.Errorf("%s: place %d does not hold %q: %q", row.name, i, part, place)
					}
				}
			}
		}
		undo()
	}
}

// What a client's library cannot parse begins with the request.
func TestEchoRaw(t *testing.T) {
	w := newWorld(t, nil)
	for _, before := range []string{"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: "} {
		undo := w.Inject(EchoRaw(TokenEndpoint, before))
		_, err := w.do(w.tokenRequest(url.Values{"refresh_token": {"rt-canary"}}))
		if err == nil || !strings.Contains(err.Error(), "refresh_token=rt-canary") {
			t.Errorf("%q: Go's client says %v", before, err)
		}
		conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 23\r\n\r\nrefresh_token=rt-canary")
		all, _ := io.ReadAll(bufio.NewReader(conn))
		_ = conn.Close()
		if got := string(all); !strings.HasPrefix(got, before+"POST,/oauth2/token,") || !strings.HasSuffix(got, "refresh_token=rt-canary\r\n\r\n") {
			t.Errorf("%q: on the wire is %q", before, got)
		}
		undo()
	}
}

// The work is done first where the fault says so.
func TestAnswerAfterWork(t *testing.T) {
	for _, after := range []bool{false, true} {
		w := newWorld(t, func(o *Options) { o.Rotation = true })
		p := w.pair(priya)
		f := EchoJSON(TokenEndpoint, 502, "server_error")
		f.AfterWork = after
		w.Inject(f)
		if a := w.refreshWith(p.refresh); a.status != 502 || !strings.Contains(a.body, p.refresh) {
			t.Errorf("%d %s", a.status, a.body)
		}
		if got := w.Tokens(priya).Refresh; len(got) != 1 || (got[0] != p.refresh) != after {
			t.Errorf("after the work: %v; usable is %q", after, got)
		}
	}
}
