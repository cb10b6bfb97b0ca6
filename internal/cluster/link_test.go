package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/net/nettest"
)

// linkedPair returns the links of a member, what they lead over, and where another
// one listens.
func linkedPair(t testing.TB) (ls *links, one *streams, l net.Listener) {
	t.Helper()
	one, two, at := pair(t, startNATS(t))
	secured, err := memberTLS([][]byte{make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	ls = newLinks(func(ctx context.Context, to serviceOf) (net.Conn, error) {
		s, err := one.dial(ctx, to.member, at.Addr().String())
		if err != nil {
			return nil, err
		}
		return tls.Client(s, secured), nil
	})
	l = listenLinks(at, secured)
	t.Cleanup(func() {
		_ = l.Close()
		one.lose("")
		two.lose("")
		until(t, func() bool {
			ls.mu.Lock()
			defer ls.mu.Unlock()
			return len(ls.open) == 0
		})
	})
	return ls, one, l
}

// reach returns both ends of a connection over a link.
func reach(t testing.TB, ls *links, l net.Listener) (dialled, accepted net.Conn) {
	t.Helper()
	dialled, err := ls.dial(t.Context(), serviceOf{"two", "agents"})
	if err != nil {
		t.Fatal(err)
	}
	accepted, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return dialled, accepted
}

func TestLinkCarriesConnections(t *testing.T) {
	ls, one, l := linkedPair(t)
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		c1, c2 = reach(t, ls, l)
		return c1, c2, func() { _, _ = c1.Close(), c2.Close() }, nil
	})
	one.mu.Lock()
	defer one.mu.Unlock()
	if n := len(one.open); n != 1 {
		t.Errorf("%d streams carried them, want 1", n)
	}
}

// Who does not read holds up no other connection.
func TestLinkHasAWindowForEach(t *testing.T) {
	ls, _, l := linkedPair(t)
	full, _ := reach(t, ls, l)
	defer full.Close()
	_ = full.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
	if n, err := full.Write(make([]byte, 4*window)); !errors.Is(err, os.ErrDeadlineExceeded) || n > window {
		t.Errorf("%d bytes went to somebody who reads none: %v", n, err)
	}
	a, b := reach(t, ls, l)
	defer a.Close()
	go func() { _, _ = a.Write([]byte("hello")) }()
	got := make([]byte, 5)
	if _, err := io.ReadFull(b, got); err != nil || string(got) != "hello" {
		t.Errorf("read %q: %v", got, err)
	}
}

// A link that is lost ends its connections, and the next one is made over a new one.
func TestLinkIsMadeAnew(t *testing.T) {
	ls, one, l := linkedPair(t)
	a, b := reach(t, ls, l)
	one.lose("two")
	for _, c := range []net.Conn{a, b} {
		if _, err := io.ReadAll(c); err == nil {
			t.Error("a connection over a lost link ended as if the other side had closed it")
		}
		if _, err := c.Write([]byte("lost")); err == nil {
			t.Error("a connection over a lost link takes what is written")
		}
	}
	a, b = reach(t, ls, l)
	go func() { _, _ = a.Write([]byte("again")); _ = a.Close() }()
	if got, err := io.ReadAll(b); err != nil || string(got) != "again" {
		t.Errorf("read %q: %v", got, err)
	}
}

// Nobody waits for a listener that is closed, nor for a member that is not there.
func TestLinkLeadsNowhere(t *testing.T) {
	ls, _, l := linkedPair(t)
	a, b := reach(t, ls, l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept: %v", err)
	}
	go func() { _, _ = b.Write([]byte("goes on")); _ = b.Close() }()
	if got, err := io.ReadAll(a); err != nil || string(got) != "goes on" {
		t.Errorf("a connection of before: %q, %v", got, err)
	}
	late, err := ls.dial(t.Context(), serviceOf{"two", "agents"})
	if err == nil {
		_, err = io.ReadFull(late, make([]byte, 1))
	}
	if err == nil {
		t.Error("somebody answers behind a closed listener")
	}
	if _, err := ls.dial(t.Context(), serviceOf{"three", "agents"}); err == nil {
		t.Error("a member that is not there was reached")
	}
}

// What makes no sense ends a link, and what nobody reads is refused; other streams go
// on.
func TestLinkTakesNoNonsense(t *testing.T) {
	message := func(id uint32, kind byte, n uint64, size uint32, data string) []byte {
		b := append(binary.BigEndian.AppendUint32(nil, id), kind)
		return append(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(b, n), size), data...)
	}
	ours, theirs := net.Pipe()
	opened := make(chan *stream, 1)
	ended := make(chan struct{})
	l := newLink(ours, func(s *stream) { opened <- s })
	go func() { l.run(); close(ended) }()
	for _, m := range [][]byte{
		message(1, kindHello, 0, 0, ""), message(2, kindData, 0, 3, "for"), message(3, 'q', 0, 4, "what"), message(1, kindData, 0, 5, "hello"),
	} {
		if _, err := theirs.Write(m); err != nil {
			t.Fatal(err)
		}
	}
	s, got := <-opened, make([]byte, 5)
	if _, err := io.ReadFull(s, got); err != nil || string(got) != "hello" {
		t.Errorf("read %q: %v", got, err)
	}
	refused := make([]byte, linkHeader)
	if _, err := io.ReadFull(theirs, refused); err != nil || !bytes.Equal(refused, message(2, kindReset, 0, 0, "")) {
		t.Errorf("who sends to nobody hears %q, %v", refused, err)
	}
	if _, err := theirs.Write(message(1, kindData, 5, chunkSize+1, "")); err != nil {
		t.Fatal(err)
	}
	<-ended
	if _, err := s.Read(got); !errors.Is(err, errLost) {
		t.Errorf("a stream of a link that has ended: %v", err)
	}
	if _, err := l.open(); err == nil {
		t.Error("a link that has ended opens a stream")
	}
}
