package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

func TestAWebhookGoesToTheScreensItNames(t *testing.T) {
	s := httptest.NewServer(newBaseline(64))
	defer s.Close()
	dial := func(extension string) *websocket.Conn {
		conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), strings.Replace(s.URL, "http", "ws", 1)+"/ws?extension="+extension, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	a, b, c := dial("101"), dial("102"), dial("103")
	for _, hook := range []struct{ to, body string }{{"101,102,999", "both"}, {"103", strings.Repeat("long", 20)}} {
		res, err := http.Post(s.URL+"/hooks/vodia/firm.example/ringing/"+hook.to, "application/json", strings.NewReader(hook.body))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusAccepted {
			t.Errorf("the answer is %s", res.Status)
		}
	}
	for _, want := range []struct {
		conn *websocket.Conn
		body string
		size int
	}{{a, "both", 64}, {b, "both", 64}, {c, strings.Repeat("long", 20), 80}} {
		_, frame, err := want.conn.ReadMessage()
		if err != nil || len(frame) != want.size || strings.TrimSpace(string(frame)) != want.body {
			t.Errorf("the screen gets %q, %v", frame, err)
		}
	}
}
