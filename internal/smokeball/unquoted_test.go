package smokeball_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	. "github.com/smokepop/smokepop/internal/smokeball"
)

// echoServer answers every connection with text, in which ECHO stands for the
// body that was sent, or for the access token where there is none.
func echoServer(t *testing.T, text string) (base string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r := bufio.NewReader(conn)
			secret, length := "", 0
			for {
				line, err := r.ReadString('\n')
				line = strings.TrimSpace(line)
				if err != nil || line == "" {
					break
				}
				if _, token, ok := strings.Cut(line, "Bearer "); ok {
					secret = token
				}
				if n, ok := strings.CutPrefix(line, "Content-Length: "); ok {
					for _, digit := range n {
						length = length*10 + int(digit-'0')
					}
				}
			}
			if length > 0 {
				body := make([]byte, length)
				_, _ = io.ReadFull(r, body)
				secret = string(body)
			}
			_, _ = io.WriteString(conn, strings.ReplaceAll(text, "ECHO", secret))
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return "http://" + l.Addr().String()
}

// net/http quotes what it cannot parse.
func TestErrorsDoNotQuoteTheAnswer(t *testing.T) {
	for name, text := range map[string]string{
		"no HTTP":           "ECHO\r\n\r\n",
		"version":           "HTTP/ECHO 200 OK\r\n\r\n",
		"status":            "HTTP/1.1 ECHO OK\r\n\r\n",
		"header":            "HTTP/1.1 200 OK\r\nECHO\r\n\r\n",
		"length":            "HTTP/1.1 200 OK\r\nContent-Length: ECHO\r\n\r\n",
		"transfer encoding": "HTTP/1.1 200 OK\r\nTransfer-Encoding: ECHO\r\n\r\n",
		"location":          "HTTP/1.1 302 Found\r\nLocation: https://[ECHO\r\nContent-Length: 0\r\n\r\n",
		"trailer":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\n{}\r\n0\r\nECHO\r\n\r\n",
		"chunk":             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nECHO\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			base := echoServer(t, text)
			o := NewOAuth(OAuthConfig{AuthBase: base, ClientID: "app", ClientSecret: "client-canary", RedirectURL: redirect, HTTP: NewHTTPClient("1")})
			_, exchange := o.Exchange(t.Context(), "code-canary", "verifier-canary")
			_, refresh := o.Refresh(t.Context(), "refresh-canary")
			revoke := o.Revoke(t.Context(), "revoke-canary")
			_, api := NewClient(ClientConfig{APIBase: base, APIKey: "key-canary"}).Firm(t.Context(), "access-canary")
			for doing, err := range map[string]error{"exchange": exchange, "refresh": refresh, "revoke": revoke, "api": api} {
				for ; err != nil; err = told(err) {
					if strings.Contains(err.Error(), "canary") {
						t.Errorf("%s: %v", doing, err)
					}
				}
			}
			if refresh == nil || revoke == nil && name != "trailer" && name != "chunk" || api == nil {
				t.Errorf("not refused: %v, %v, %v", refresh, revoke, api)
			}
		})
	}
}

// told unwraps an error to what a log may print: no farther than one that
// hides its cause.
func told(err error) error {
	next := errors.Unwrap(err)
	if next == nil || strings.HasSuffix(err.Error(), "the answer is not HTTP") || strings.HasSuffix(err.Error(), "the connection failed") {
		return nil
	}
	return next
}
