package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/gorilla/websocket"
)

// server is what the generator loads: smokepop or the baseline.
type server interface {
	name() string
	address() string
	process() *process
	// dial opens a screen of agent i and returns once it gets what is sent.
	dial(i int) (*websocket.Conn, error)
	// memory returns the objects allocated so far and the bytes the runtime has
	// in use for heap and stacks.
	memory() (allocations, inUse uint64, err error)
	// firm is the domain of agent i's, and the extension that the agent has there.
	firm(i int) (domain, extension string)
	// ends tells whether calls have ends, which then are sent.
	ends() bool
	stop() error
}

const domain = "bench.example"

// The webhooks' credentials.
const (
	hookUser     = "vodia"
	hookPassword = "bench-webhook-password"
)

// extension returns agent i's.
func extension(i int) string { return strconv.Itoa(10_001 + i) }

// callID names call n; see numberIn.
func callID(n int) string { return fmt.Sprintf("%s%08d", callPrefix, n) }

const callPrefix = "bench-"

// ringing is the request that lets phones of one firm ring, as bytes on the wire;
// the same for every server.
func ringing(s server, call int, caller int, agents ...int) []byte {
	firm, extensions := "", make([]string, len(agents))
	for i, a := range agents {
		firm, extensions[i] = s.firm(a)
	}
	return hook(s, firm+"/ringing/"+strings.Join(extensions, ","),
		fmt.Sprintf(`{"call_id":%q,"from":"+1%d555%04d","to":"+16175550100","direction":"inbound","time":"2026-11-23T09:00:00Z"}`,
			callID(call), 201+caller/10_000, caller%10_000))
}

// ended is the request that ends a call of an agent's firm.
func ended(s server, call, agent int) []byte {
	firm, _ := s.firm(agent)
	return hook(s, firm, fmt.Sprintf(`{"event":"terminated","call_id":%q}`, callID(call)))
}

func hook(s server, path, body string) []byte {
	return fmt.Appendf(nil, "POST /hooks/vodia/%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: pbx\r\nAuthorization: Basic %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, s.address(), base64.StdEncoding.EncodeToString([]byte(hookUser+":"+hookPassword)), len(body), body)
}

// from returns a dialler whose source is an address of agent i alone, as in a
// firm where everybody has a machine: the network 127.0.0.0/8 is all ours.
func from(i int) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, byte(1+i/200), byte(1+i%200))}}
}

// open opens a websocket whose client side keeps little memory.
func open(i int, url string, header http.Header, protocols ...string) (*websocket.Conn, error) {
	d := websocket.Dialer{
		NetDialContext: from(i).DialContext, HandshakeTimeout: patience,
		ReadBufferSize: 512, WriteBufferSize: 256, Subprotocols: protocols,
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, res, err := d.DialContext(ctx, url, header)
	if err != nil {
		if res != nil {
			body, _ := io.ReadAll(io.LimitReader(res.Body, 1024))
			err = fmt.Errorf("%w: %s %s", err, res.Status, body)
		}
		return nil, fmt.Errorf("open a screen of extension %s: %w", extension(i), err)
	}
	return conn, nil
}

// get reads a document.
func get(url string) (string, error) {
	res, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s %s", url, res.Status, b)
	}
	return string(b), err
}
