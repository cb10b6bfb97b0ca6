package chaos

import (
	"errors"
	"io"
	"net"
	"sync"
)

// wire is a TCP connection's way from one program to another, which can be cut.
// What is sent over a wire that is cut waits, as it would for TCP to send it
// again; who connects anew hears nothing. A program at either end cannot tell it
// from a network that is gone.
type wire struct {
	l  net.Listener
	to string
	wg sync.WaitGroup

	mu     sync.Mutex
	change *sync.Cond
	there  bool // nothing passes from who has dialled
	back   bool // nothing passes to who has dialled
	closed bool
	conns  map[net.Conn]bool
}

// lay makes a wire to an address.
func lay(to string) (*wire, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &wire{l: l, to: to, conns: map[net.Conn]bool{}}
	w.change = sync.NewCond(&w.mu)
	w.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.wg.Go(func() { w.carry(c) })
		}
	})
	return w, nil
}

func (w *wire) address() string { return w.l.Addr().String() }

// cut lets nothing pass in a direction any more, until it is called again.
func (w *wire) cut(there, back bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.there, w.back = there, back
	w.change.Broadcast()
}

// reset breaks every connection, as a firewall does that has forgotten them.
func (w *wire) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
}

func (w *wire) close() {
	_ = w.l.Close()
	w.mu.Lock()
	w.closed = true
	w.change.Broadcast()
	w.mu.Unlock()
	w.reset()
	w.wg.Wait()
}

// pass waits until something may pass; false when the wire is closed.
func (w *wire) pass(is func() (cut bool)) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for is() && !w.closed {
		w.change.Wait()
	}
	return !w.closed
}

func (w *wire) isCutThere() bool { return w.there }
func (w *wire) isCutBack() bool  { return w.back }

func (w *wire) note(c net.Conn, open bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if open && !w.closed {
		w.conns[c] = true
		return
	}
	delete(w.conns, c)
	_ = c.Close()
}

func (w *wire) carry(c net.Conn) {
	w.note(c, true)
	defer w.note(c, false)
	if !w.pass(w.isCutThere) {
		return
	}
	out, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	w.note(out, true)
	defer w.note(out, false)
	var both sync.WaitGroup
	both.Go(func() { w.copy(out, c, w.isCutThere) })
	both.Go(func() { w.copy(c, out, w.isCutBack) })
	both.Wait()
}

// copy passes on what comes; the end too is heard of only once the wire is whole.
func (w *wire) copy(to, from net.Conn, cut func() bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if !w.pass(cut) {
			return
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				_ = from.Close()
				return
			}
		}
		if err != nil {
			_ = to.Close()
			if !errors.Is(err, io.EOF) {
				_ = from.Close()
			}
			return
		}
	}
}
