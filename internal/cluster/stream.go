package cluster

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// The messages of a stream are a kind, a number, and with kindData the bytes.
// NATS keeps the order and delivers at most once; the numbers make of that a
// stream that either has every byte or ends with an error. A link carries the
// messages of many within one.
const (
	kindHello = 'h' // the listening side's first; its reply subject is where it hears
	kindData  = 'd' // number: how many bytes were sent before these
	kindRead  = 'r' // number: how many bytes were read of those sent
	kindProbe = 'p' // asks for kindAlive
	kindAlive = 'a' // number: how many bytes have come
	kindEnd   = 'e' // closed; number: how many bytes were sent
	kindReset = 'x' // the stream is broken
)

const (
	headerSize = 1 + 8
	chunkSize  = 32 << 10
	// window is how many bytes are under way at most to a side that does not
	// read.
	window = 256 << 10
	// probeAfter is how long sent bytes may stay unread before the other side is
	// asked whether they have come; lostAfter is how long it may take to answer.
	probeAfter = time.Second
	lostAfter  = 3 * time.Second
	// tellAfter is how long what was read may wait to be acknowledged: a good deal
	// less than probeAfter. Otherwise every message has another one for its answer.
	tellAfter = 200 * time.Millisecond
	// idleAfter is how long nothing may come from the other side until it is asked
	// whether it is there: that it has gone may have been said to nobody.
	idleAfter = 10 * time.Second
)

var (
	errLost  = errors.New("the other member is gone, or something that was sent to it")
	errReset = errors.New("the other member has broken the connection off")
)

// stream is a connection of two members, a net.Conn: over NATS, or over a link.
type stream struct {
	send func(kind byte, n uint64, data []byte) error // in order: it is called under mu
	sub  *nats.Subscription                           // nil over a link
	name string                                       // the subject this side hears, or the link's
	idle time.Duration
	over func() // called once, under mu, when the stream is closed or broken

	mu      sync.Mutex
	change  *sync.Cond
	peer    string // the subject the other side hears; empty until it has said hello
	buf     []byte // has come and was not read yet
	came    uint64 // how many bytes have come
	told    uint64 // how many of them the other side knows to be read
	sent    uint64
	read    uint64      // how many of those the other side has read
	ended   bool        // the other side has closed
	err     error       // the stream is closed or broken
	watch   *time.Timer // nil over a link, whose own stream is watched
	heard   time.Time   // when something last came
	probed  time.Time   // when the probe under way was sent
	covered uint64      // how many bytes had been sent by then
	teller  *time.Timer
	telling bool // teller runs

	reading, writing deadline
}

func newStream(name, peer string) *stream {
	s := &stream{name: name, peer: peer, idle: idleAfter}
	s.change = sync.NewCond(&s.mu)
	s.reading.wake, s.writing.wake = s.change, s.change
	return s
}

// open begins to hear the other side over NATS.
func (s *stream) open(nc *nats.Conn) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.send = func(kind byte, n uint64, data []byte) error { return s.publish(nc, kind, n, data) }
	if s.sub, err = nc.Subscribe(s.name, s.take); err != nil {
		return err
	}
	s.heard, s.watch = time.Now(), time.AfterFunc(s.idle, s.look)
	return nil
}

func (s *stream) publish(nc *nats.Conn, kind byte, n uint64, data []byte) error {
	b := make([]byte, headerSize, headerSize+len(data))
	b[0] = kind
	binary.BigEndian.PutUint64(b[1:], n)
	m := &nats.Msg{Subject: s.peer, Data: append(b, data...)}
	if kind == kindHello {
		m.Reply = s.name
	}
	return nc.PublishMsg(m)
}

// take hears the other side over NATS, one message after the other.
func (s *stream) take(m *nats.Msg) {
	if len(m.Data) < headerSize {
		return
	}
	if m.Data[0] == kindHello {
		s.hello(m.Reply)
		return
	}
	s.hear(m.Data[0], binary.BigEndian.Uint64(m.Data[1:]), m.Data[headerSize:])
}

// hello hears who the other side is.
func (s *stream) hello(peer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.peer, s.heard = peer, time.Now()
		s.change.Broadcast()
	}
}

// hear takes a message of the other side.
func (s *stream) hear(kind byte, n uint64, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	s.heard = time.Now()
	switch kind {
	case kindData:
		if s.ended || n != s.came || len(s.buf)+len(data) > 2*window {
			s.end(errLost, kindReset)
			return
		}
		s.came += uint64(len(data))
		s.buf = append(s.buf, data...)
	case kindRead:
		if n > s.sent { // nobody has read what was not sent
			s.end(errLost, kindReset)
			return
		}
		s.read = max(s.read, n)
	case kindProbe:
		s.say(kindAlive, s.came, nil)
	case kindAlive:
		s.probed = time.Time{}
		if n < s.covered {
			s.end(errLost, kindReset)
		}
	case kindEnd:
		if n != s.came {
			s.end(errLost, 0)
			return
		}
		s.ended = true
	case kindReset:
		s.end(errReset, 0)
	}
	s.change.Broadcast()
}

// say sends a message. Under mu, which keeps the order.
func (s *stream) say(kind byte, n uint64, data []byte) {
	if err := s.send(kind, n, data); err != nil && s.err == nil {
		s.end(err, 0)
	}
}

// end closes or breaks the stream, once, with a last word where there is one.
// Under mu.
func (s *stream) end(why error, last byte) {
	if s.err != nil {
		return
	}
	s.err = why
	if last != 0 && s.peer != "" {
		s.say(last, s.sent, nil)
	}
	if s.teller != nil {
		s.teller.Stop()
	}
	if s.watch != nil {
		s.watch.Stop()
		_ = s.sub.Unsubscribe() // fails only where there is no connection any more
	}
	s.change.Broadcast()
	s.over()
}

// lost breaks the stream off: the other member is gone.
func (s *stream) lost() { s.fail(errLost, kindReset) }

// fail breaks the stream off, with a last word where there is one.
func (s *stream) fail(why error, last byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(why, last)
}

// Read implements net.Conn. What has come before the end is still read.
func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case errors.Is(s.err, net.ErrClosed):
			return 0, s.err
		case s.reading.passed():
			return 0, os.ErrDeadlineExceeded
		case len(s.buf) > 0 && len(p) > 0:
			n := copy(p, s.buf)
			if s.buf = s.buf[n:]; len(s.buf) == 0 {
				s.buf = nil
			}
			s.acknowledge()
			return n, nil
		case s.err != nil:
			return 0, s.err
		case s.ended:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		}
		s.change.Wait()
	}
}

// acknowledge sees to it that the other side hears what was read: at once where it
// may wait for room, else a little later, with what is read until then.
func (s *stream) acknowledge() {
	switch unsaid := s.wasRead() - s.told; {
	case s.err != nil || s.ended || unsaid == 0:
	case unsaid >= window/4:
		s.tell()
	case s.teller == nil:
		s.teller = time.AfterFunc(tellAfter, s.tellLate)
		s.telling = true
	case !s.telling:
		s.teller.Reset(tellAfter)
		s.telling = true
	}
}

func (s *stream) wasRead() uint64 { return s.came - uint64(len(s.buf)) }

func (s *stream) tell() {
	s.told = s.wasRead()
	s.say(kindRead, s.told, nil)
}

func (s *stream) tellLate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.telling = false
	if s.err == nil && !s.ended && s.wasRead() != s.told {
		s.tell()
	}
}

// Write implements net.Conn.
func (s *stream) Write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(p) > 0 {
		switch free := window - int(s.sent-s.read); {
		case s.err != nil:
			return n, s.err
		case s.ended:
			return n, io.ErrClosedPipe
		case s.writing.passed():
			return n, os.ErrDeadlineExceeded
		case s.peer != "" && free > 0:
			part := p[:min(len(p), chunkSize, free)]
			s.say(kindData, s.sent, part)
			s.sent += uint64(len(part))
			n, p = n+len(part), p[len(part):]
			s.watchOver()
			continue
		}
		s.change.Wait()
	}
	return n, nil
}

// watchOver sees to it that what was sent arrives, or the stream breaks.
func (s *stream) watchOver() {
	if s.watch != nil && s.sent != s.read && s.probed.IsZero() {
		s.watch.Reset(probeAfter)
	}
}

// look asks whether the other side is there, when it has not read what was sent
// or nothing has come from it for long, and breaks the stream when it does not
// answer.
func (s *stream) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := probeAfter
	switch silent := time.Since(s.heard); {
	case s.err != nil:
		return
	case !s.probed.IsZero():
		if time.Since(s.probed) > lostAfter {
			s.end(errLost, kindReset)
			return
		}
	case s.peer == "" || s.ended && s.sent == s.read: // who dials sees to it; nobody is there, and that is known
	case s.sent != s.read || silent >= s.idle:
		s.probed, s.covered = time.Now(), s.sent
		s.say(kindProbe, 0, nil)
	default:
		next = s.idle - silent
	}
	s.watch.Reset(next)
}

// Close implements net.Conn. What was written arrives if the other member is
// there.
func (s *stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(s.err, net.ErrClosed) {
		return net.ErrClosed
	}
	if s.err != nil {
		s.err = net.ErrClosed // it was broken already
		return nil
	}
	s.end(net.ErrClosed, kindEnd)
	return nil
}

// subject is a net.Addr.
type subject string

func (subject) Network() string  { return "nats" }
func (a subject) String() string { return string(a) }

func (s *stream) LocalAddr() net.Addr { return subject(s.name) }

func (s *stream) RemoteAddr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return subject(s.peer)
}

func (s *stream) SetDeadline(t time.Time) error {
	_ = s.SetReadDeadline(t)
	return s.SetWriteDeadline(t)
}

func (s *stream) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading.set(t)
	return nil
}

func (s *stream) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing.set(t)
	return nil
}

// deadline wakes who waits when it has passed. Its fields belong to the lock of
// wake.
type deadline struct {
	wake  *sync.Cond
	at    time.Time
	timer *time.Timer
}

func (d *deadline) set(t time.Time) {
	if d.timer != nil {
		d.timer.Stop()
	}
	if d.at = t; !t.IsZero() {
		d.timer = time.AfterFunc(time.Until(t), d.wake.Broadcast)
	}
	d.wake.Broadcast()
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }
