package cluster

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"sync"
)

// A link carries the streams of two members within one connection. Each message is
// the stream's number, the message's kind and number, how long its data is, and the
// data. The member that has made the link opens streams, with kindHello.
const (
	linkHeader = 4 + 1 + 8 + 4
	// linkMost is how much may wait to be sent: more than the windows of streams
	// that all wait for a member which is about to be found missing.
	linkMost = 64 << 20
)

var (
	errLinkFull   = errors.New("the other member takes nothing any more")
	errLinkUsedUp = errors.New("the link has no numbers left")
)

type link struct {
	conn net.Conn
	// opened is told of each stream that the other side opens. It does not wait.
	opened func(*stream)

	mu      sync.Mutex
	streams map[uint32]*stream
	last    uint32 // the number of the stream that was opened last
	out     []byte // waits to be sent
	filled  *sync.Cond
	err     error // the link has ended
}

// newLink carries streams over a connection, which ends with it.
func newLink(conn net.Conn, opened func(*stream)) *link {
	l := &link{conn: conn, opened: opened, streams: map[uint32]*stream{}}
	l.filled = sync.NewCond(&l.mu)
	return l
}

// run carries until the connection ends, and then all its streams end.
func (l *link) run() {
	written := make(chan struct{})
	go func() {
		defer close(written)
		l.write()
	}()
	l.end(l.read())
	<-written
}

// end ends the link and, as lost, every stream that has not ended before.
func (l *link) end(why error) {
	l.mu.Lock()
	if l.err == nil {
		l.err = why
	}
	left := make([]*stream, 0, len(l.streams))
	for _, s := range l.streams {
		left = append(left, s)
	}
	l.filled.Signal()
	l.mu.Unlock()
	_ = l.conn.Close()
	for _, s := range left {
		s.fail(errLost, 0)
	}
}

// open opens a stream to the other side.
func (l *link) open() (*stream, error) {
	l.mu.Lock()
	if l.err != nil || l.last == math.MaxUint32 {
		defer l.mu.Unlock()
		return nil, cmp.Or(l.err, errLinkUsedUp)
	}
	l.last++
	id := l.last
	s := l.add(id)
	l.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.say(kindHello, 0, nil)
	return s, s.err
}

// add makes this side of a stream. Under mu.
func (l *link) add(id uint32) *stream {
	s := newStream(l.conn.LocalAddr().String(), l.conn.RemoteAddr().String())
	s.send = func(kind byte, n uint64, data []byte) error { return l.send(id, kind, n, data) }
	s.over = func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.streams, id)
	}
	l.streams[id] = s
	return s
}

// send has a message sent after those before it.
func (l *link) send(id uint32, kind byte, n uint64, data []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.err != nil:
		return l.err
	case len(l.out)+len(data) > linkMost:
		return errLinkFull
	}
	l.out = binary.BigEndian.AppendUint32(l.out, id)
	l.out = append(l.out, kind)
	l.out = binary.BigEndian.AppendUint64(l.out, n)
	l.out = binary.BigEndian.AppendUint32(l.out, uint32(len(data)))
	l.out = append(l.out, data...)
	l.filled.Signal()
	return nil
}

// write sends what there is to send: what comes meanwhile goes together.
func (l *link) write() {
	var batch []byte
	for {
		l.mu.Lock()
		for len(l.out) == 0 && l.err == nil {
			l.filled.Wait()
		}
		batch, l.out = l.out, batch[:0]
		ended := l.err != nil
		l.mu.Unlock()
		if ended {
			return
		}
		if _, err := l.conn.Write(batch); err != nil {
			_ = l.conn.Close() // who reads says why
			return
		}
		if cap(batch) > window {
			batch = nil
		}
	}
}

// read hears the other side until the connection ends or makes no sense.
func (l *link) read() error {
	r := bufio.NewReaderSize(l.conn, chunkSize)
	var h [linkHeader]byte
	data := make([]byte, chunkSize)
	for {
		if _, err := io.ReadFull(r, h[:]); err != nil {
			return err
		}
		id, kind, n := binary.BigEndian.Uint32(h[:]), h[4], binary.BigEndian.Uint64(h[5:])
		size := binary.BigEndian.Uint32(h[13:])
		if size > chunkSize {
			return errReset
		}
		if _, err := io.ReadFull(r, data[:size]); err != nil {
			return err
		}
		l.hear(id, kind, n, data[:size])
	}
}

// hear takes a message to its stream.
func (l *link) hear(id uint32, kind byte, n uint64, data []byte) {
	l.mu.Lock()
	s := l.streams[id]
	if s == nil && kind == kindHello && l.opened != nil {
		s = l.add(id)
		l.mu.Unlock()
		l.opened(s)
		return
	}
	l.mu.Unlock()
	switch {
	case s != nil:
		s.hear(kind, n, data)
	case kind == kindData || kind == kindHello: // nobody reads it, and who sends it has to know
		_ = l.send(id, kindReset, 0, nil)
	}
}
