package cluster

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"golang.org/x/net/nettest"
)

// startNATS starts a server with JetStream and returns its address.
func startNATS(t testing.TB) string {
	t.Helper()
	return serveNATS(t).ClientURL()
}

func serveNATS(t testing.TB) *server.Server {
	t.Helper()
	return serve(t, &server.Options{JetStream: true, StoreDir: t.TempDir()})
}

// serve starts a server until the test ends.
func serve(t testing.TB, o *server.Options) *server.Server {
	t.Helper()
	o.Host, o.Port, o.NoLog, o.NoSigs = "127.0.0.1", server.RANDOM_PORT, true, true
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not start")
	}
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	return s
}

func connect(t testing.TB, url string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// pair returns two members' streams and a listener of the second.
func pair(t testing.TB, url string) (one, two *streams, l net.Listener) {
	t.Helper()
	one, two = newStreams(connect(t, url), "one", "t.s.one."), newStreams(connect(t, url), "two", "t.s.two.")
	l, err := two.listen("t.m.two")
	if err == nil {
		err = two.nc.Flush() // the server knows of it
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return one, two, l
}

func connected(t testing.TB, one *streams, l net.Listener) (dialled, accepted net.Conn) {
	t.Helper()
	dialled, err := one.dial(t.Context(), "two", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return dialled, accepted
}

func TestStreamIsAConnection(t *testing.T) {
	one, two, l := pair(t, startNATS(t))
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		c1, err = one.dial(t.Context(), "two", l.Addr().String())
		if err != nil {
			return nil, nil, nil, err
		}
		if c2, err = l.Accept(); err != nil {
			return nil, nil, nil, err
		}
		return c1, c2, func() { _, _ = c1.Close(), c2.Close() }, nil
	})
	for _, ss := range []*streams{one, two} {
		until(t, func() bool {
			ss.mu.Lock()
			defer ss.mu.Unlock()
			return len(ss.open) == 0
		})
	}
}

// A member that is gone may have told nobody: a stream over which nothing comes
// is asked about, and lives on where there is an answer.
func TestStreamThatIsIdleIsAskedAbout(t *testing.T) {
	one, _, l := pair(t, startNATS(t))
	alive, _ := connected(t, one, l)
	gone, other := connected(t, one, l)
	if err := other.(*stream).sub.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	since := time.Now()
	for _, c := range []net.Conn{alive, gone} {
		s := c.(*stream)
		s.mu.Lock()
		s.idle = time.Millisecond
		s.watch.Reset(s.idle)
		s.mu.Unlock()
	}
	_ = gone.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := gone.Read(make([]byte, 1)); !errors.Is(err, errLost) {
		t.Errorf("a stream to nobody: %v", err)
	}
	s := alive.(*stream)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil || !s.heard.After(since) {
		t.Errorf("a stream whose other end is there: %v, last heard %v after it was asked", s.err, s.heard.Sub(since))
	}
}

// until waits until something holds that another goroutine brings about.
func until(t testing.TB, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatal("it never came")
}

func TestStreamDialsNobody(t *testing.T) {
	one := newStreams(connect(t, startNATS(t)), "one", "t.s.")
	if _, err := one.dial(t.Context(), "three", "t.m.three"); err == nil || !strings.Contains(err.Error(), "member three") {
		t.Error(err)
	}
	if n := len(one.open); n != 0 {
		t.Errorf("%d streams are left", n)
	}
}

// A message that NATS has lost ends the stream: nothing is passed over, and who
// waits for what does not come hears of it.
func TestStreamMissesNothing(t *testing.T) {
	one, two, l := pair(t, startNATS(t))
	t.Run("in the middle", func(t *testing.T) {
		a, b := connected(t, one, l)
		forge(t, one, b, kindData, 5, "later")
		if _, err := io.ReadAll(b); !errors.Is(err, errLost) {
			t.Errorf("read: %v", err)
		}
		if _, err := io.ReadAll(a); !errors.Is(err, errReset) {
			t.Errorf("the other side: %v", err)
		}
	})
	t.Run("before the end", func(t *testing.T) {
		_, b := connected(t, one, l)
		forge(t, one, b, kindEnd, 5, "")
		if _, err := io.ReadAll(b); !errors.Is(err, errLost) {
			t.Errorf("read: %v", err)
		}
	})
	t.Run("the last", func(t *testing.T) {
		a, b := connected(t, one, l)
		s := b.(*stream)
		s.mu.Lock() // as if what comes now never came
		if err := s.sub.Unsubscribe(); err != nil {
			t.Error(err)
		}
		sub, err := two.nc.Subscribe(s.name, func(m *nats.Msg) {
			if m.Data[0] != kindData {
				s.take(m)
			}
		})
		if err == nil {
			err = two.nc.Flush()
		}
		s.sub = sub
		s.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Write([]byte("lost")); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, errLost) {
			t.Errorf("who has sent it: %v", err)
		}
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, errReset) {
			t.Errorf("who has not got it: %v", err)
		}
	})
	t.Run("the member is gone", func(t *testing.T) {
		a, b := connected(t, one, l)
		one.lose("two")
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, errLost) {
			t.Errorf("read: %v", err)
		}
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, errReset) {
			t.Errorf("the other side: %v", err)
		}
	})
}

// forge sends what the other side would never send.
func forge(t *testing.T, from *streams, to net.Conn, kind byte, n uint64, data string) {
	t.Helper()
	b := append([]byte{kind}, binary.BigEndian.AppendUint64(nil, n)...)
	if err := from.nc.Publish(to.LocalAddr().String(), append(b, data...)); err != nil {
		t.Fatal(err)
	}
}

// Who does not read holds its own stream up, and nothing piles up.
func TestStreamWaitsForWhoDoesNotRead(t *testing.T) {
	one, _, l := pair(t, startNATS(t))
	a, b := connected(t, one, l)
	if err := a.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	n, err := a.Write(make([]byte, 1<<20))
	if n != window || err == nil {
		t.Fatalf("wrote %d, %v", n, err)
	}
	if err := a.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := a.Write(make([]byte, 1<<20)); err != nil {
			t.Error(err)
		}
		_ = a.Close()
	})
	all, err := io.ReadAll(b)
	if len(all) != window+1<<20 || err != nil {
		t.Errorf("read %d, %v", len(all), err)
	}
	wg.Wait()
}

func secret(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

// Only who has a key of the store is let in, also while the keys are changed.
func TestOnlyMembersAreLetIn(t *testing.T) {
	one, _, l := pair(t, startNATS(t))
	handshake := func(client, server [][]byte) error {
		a, b := connected(t, one, l)
		ours, err := memberTLS(client)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := memberTLS(server)
		if err != nil {
			t.Fatal(err)
		}
		ca, cb := tls.Client(a, ours), tls.Server(b, theirs)
		done := make(chan error, 1)
		go func() {
			done <- cb.HandshakeContext(t.Context())
			_ = cb.Close()
		}()
		err = ca.HandshakeContext(t.Context())
		if err == nil {
			_, err = ca.Read(make([]byte, 1)) // a client's certificate is refused after its handshake
		}
		_ = ca.Close()
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return errors.Join(err, <-done)
	}
	for name, tc := range map[string]struct {
		client, server [][]byte
		ok             bool
	}{
		"the same":             {[][]byte{secret(1)}, [][]byte{secret(1)}, true},
		"a rotation under way": {[][]byte{secret(2), secret(1)}, [][]byte{secret(1), secret(2)}, true},
		"a stranger dials":     {[][]byte{secret(3), secret(1)}, [][]byte{secret(1)}, false},
		"a stranger listens":   {[][]byte{secret(1)}, [][]byte{secret(3), secret(1)}, false},
	} {
		if err := handshake(tc.client, tc.server); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := memberTLS(nil); err == nil {
		t.Error("no key is enough")
	}
}

// What NATS carries shows nothing of what is said.
func TestNATSSeesNothing(t *testing.T) {
	url := startNATS(t)
	one, _, l := pair(t, url)
	var mu sync.Mutex
	var seen bytes.Buffer
	spy := connect(t, url)
	spies, err := spy.Subscribe(">", func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		seen.Write(m.Data)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := spy.Flush(); err != nil {
		t.Fatal(err)
	}
	cfg, err := memberTLS([][]byte{secret(1)})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "Maria Castellanos")
	})}
	go func() { served <- srv.Serve(tls.NewListener(l, cfg)) }()
	c, err := one.dial(t.Context(), "two", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	secured := tls.Client(c, cfg)
	if _, err := io.WriteString(secured, "GET /castellanos HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(secured)
	if err != nil || !bytes.Contains(answer, []byte("Maria Castellanos")) {
		t.Fatalf("%q, %v", answer, err)
	}
	_ = srv.Close()
	<-served
	if err := spy.Flush(); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { // each message has gone through the spy's hands
		mu.Lock()
		defer mu.Unlock()
		waiting, _, err := spies.Pending()
		return err == nil && waiting == 0 && seen.Len() > 0
	})
	mu.Lock()
	defer mu.Unlock()
	if seen.Len() == 0 || bytes.Contains(bytes.ToLower(seen.Bytes()), []byte("castellanos")) {
		t.Errorf("of %d bytes the name can be read", seen.Len())
	}
}

// Questions and answers are a message each: what was read is told now and then, and
// in the end.
func TestWhatIsReadIsToldNowAndThen(t *testing.T) {
	one, two, l := pair(t, startNATS(t))
	asks, answers := connected(t, one, l)
	began := time.Now()
	before := [2]uint64{one.nc.Stats().OutMsgs, two.nc.Stats().OutMsgs}
	const questions = 300
	heard := make([]byte, 8)
	for range questions {
		for _, from := range []net.Conn{asks, answers} {
			to := answers
			if from == answers {
				to = asks
			}
			if _, err := from.Write([]byte("question")); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(to, heard); err != nil {
				t.Fatal(err)
			}
		}
	}
	told := uint64(time.Since(began)/tellAfter) + 2
	for i, ss := range []*streams{one, two} {
		if sent := ss.nc.Stats().OutMsgs - before[i]; sent > questions+told {
			t.Errorf("side %d has sent %d messages, of which %d were wanted and %d could tell what was read", i, sent, questions, told)
		}
	}
	until(t, func() bool {
		s := asks.(*stream)
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.read == s.sent
	})
}
