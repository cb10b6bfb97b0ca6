// Command baseline is the plainest server that brings a webhook to a screen:
// net/http, gorilla/websocket with its default buffers, a map and a lock. It
// checks nothing, decodes nothing and looks nobody up. What smokepop costs is
// told as a ratio to it, measured in the same run.
//
// It takes the webhooks that smokepop takes and sends each, padded to the size
// of smokepop's pop, to the extensions its path names. Whoever asks for
// /ws?extension=101 is a screen of extension 101.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path"
	"runtime"
	"strings"
	"sync"

	"github.com/gorilla/websocket"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "where webhooks and screens come in")
	frame := flag.Int("frame", 0, "pad frames to this many bytes")
	flag.Parse()
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintln(os.Stdout, l.Addr())
	log.Fatal(http.Serve(l, newBaseline(*frame)))
}

// screen is an open socket; gorilla wants one writer at a time.
type screen struct {
	mu   sync.Mutex
	conn *websocket.Conn
}

type baseline struct {
	http.ServeMux
	frame    int
	upgrader websocket.Upgrader

	mu      sync.RWMutex
	screens map[string]*screen // by extension
}

func newBaseline(frame int) *baseline {
	b := &baseline{frame: frame, screens: map[string]*screen{}, upgrader: websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}}
	b.HandleFunc("/hooks/", b.hook)
	b.HandleFunc("/ws", b.socket)
	b.HandleFunc("/allocations", func(w http.ResponseWriter, _ *http.Request) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Fprintln(w, m.Mallocs, m.HeapInuse+m.StackInuse)
	})
	return b
}

func (b *baseline) hook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if short := b.frame - len(body); short > 0 {
		body = append(body, bytes.Repeat([]byte(" "), short)...)
	}
	for extension := range strings.SplitSeq(path.Base(r.URL.Path), ",") {
		b.mu.RLock()
		s := b.screens[extension]
		b.mu.RUnlock()
		if s == nil {
			continue
		}
		s.mu.Lock()
		_ = s.conn.WriteMessage(websocket.TextMessage, body) // the reader notices
		s.mu.Unlock()
	}
	w.WriteHeader(http.StatusAccepted)
}

func (b *baseline) socket(w http.ResponseWriter, r *http.Request) {
	conn, err := b.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // it has answered
	}
	s := &screen{conn: conn}
	extension := r.URL.Query().Get("extension")
	b.mu.Lock()
	b.screens[extension] = s
	b.mu.Unlock()
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			break
		}
	}
	b.mu.Lock()
	if b.screens[extension] == s {
		delete(b.screens, extension)
	}
	b.mu.Unlock()
	_ = conn.Close()
}
