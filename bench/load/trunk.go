package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// trunk is a PBX's connections: they stay open and carry one webhook at a time
// each, as HTTP/1.1 does.
type trunk struct {
	requests chan request
	waiting  atomic.Int64 // webhooks that have no answer yet
	conns    []net.Conn
	senders  sync.WaitGroup

	mu  sync.Mutex
	err error // the first
}

// request is a webhook on its way; sent is told of its answer.
type request struct {
	bytes []byte
	sent  func(status int)
}

// dialTrunk opens n connections.
func dialTrunk(s server, n int) (*trunk, error) {
	t := &trunk{requests: make(chan request, 1<<16)}
	for range n {
		conn, err := net.Dial("tcp", s.address())
		if err != nil {
			t.close()
			return nil, err
		}
		t.conns = append(t.conns, conn)
		t.senders.Go(func() { t.send(conn) })
	}
	return t, nil
}

func (t *trunk) send(conn net.Conn) {
	answers := bufio.NewReader(conn)
	for r := range t.requests {
		status, err := t.exchange(conn, answers, r.bytes)
		if err != nil {
			t.failed(err)
			continue
		}
		if r.sent != nil {
			r.sent(status)
		} else if status/100 != 2 {
			t.failed(fmt.Errorf("a webhook was answered %d", status))
		}
	}
}

// post hands a webhook to the next connection that is free.
func (t *trunk) post(r request) {
	t.waiting.Add(1)
	t.requests <- r
}

func (t *trunk) exchange(conn net.Conn, answers *bufio.Reader, request []byte) (status int, err error) {
	defer t.waiting.Add(-1)
	if _, err := conn.Write(request); err != nil {
		return 0, err
	}
	return readAnswer(answers)
}

func (t *trunk) failed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
	}
}

// problem returns the first error there was.
func (t *trunk) problem() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// close lets what waits be sent, but no longer than patience.
func (t *trunk) close() {
	close(t.requests)
	late := time.AfterFunc(patience, func() {
		for _, c := range t.conns {
			_ = c.Close()
		}
	})
	t.senders.Wait()
	late.Stop()
	for _, c := range t.conns {
		_ = c.Close()
	}
}

// readAnswer reads an HTTP/1.1 answer with a Content-Length and returns its
// status. http.ReadResponse does so too, and costs the generator more than the
// server.
func readAnswer(r *bufio.Reader) (status int, err error) {
	length := 0
	for first := true; ; first = false {
		raw, err := r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line := strings.TrimRight(string(raw), "\r\n")
		switch {
		case first:
			if len(line) < 12 || !strings.HasPrefix(line, "HTTP/1.1 ") {
				return 0, fmt.Errorf("an answer begins %q", line)
			}
			if status, err = strconv.Atoi(line[9:12]); err != nil {
				return 0, err
			}
		case line == "":
			_, err := r.Discard(length)
			return status, err
		default:
			name, value, _ := strings.Cut(line, ":")
			switch strings.ToLower(name) {
			case "content-length":
				if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
					return 0, err
				}
			case "transfer-encoding":
				return 0, errors.New("an answer without a length")
			}
		}
	}
}
