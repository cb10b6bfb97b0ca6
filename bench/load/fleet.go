package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"
)

// epoch is what all times of the generator are counted from.
var epoch = time.Now()

func now() int64 { return int64(time.Since(epoch)) }

// fleet is a server's open screens, one for each agent. Each is read all the
// time and answers pings, as a browser's is.
type fleet struct {
	s       server
	conns   []*websocket.Conn
	readers sync.WaitGroup

	window atomic.Pointer[window] // the calls that are under way
	ends   atomic.Int64           // frames that ended a pop
	size   atomic.Int64           // of the last pop's frame
	lost   atomic.Int64           // screens that the server closed
	going  atomic.Bool            // we are closing them
}

// connecting is how many screens are being opened at a time.
const connecting = 64

// connect opens a screen for each of the first n agents.
func connect(s server, n int) (*fleet, error) { return connectAtOnce(s, n, connecting) }

// connectAtOnce is connect with so many at a time.
func connectAtOnce(s server, n, atOnce int) (*fleet, error) {
	f := &fleet{s: s, conns: make([]*websocket.Conn, n)}
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i := range n {
		group.Go(func() error {
			conn, err := s.dial(i)
			if err != nil {
				return err
			}
			f.conns[i] = conn
			return nil
		})
	}
	err := group.Wait()
	for _, conn := range f.conns {
		if conn != nil {
			f.readers.Go(func() { f.read(conn) })
		}
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *fleet) read(conn *websocket.Conn) {
	for {
		_, frame, err := conn.ReadMessage()
		if err != nil {
			if !f.going.Load() {
				f.lost.Add(1)
			}
			return
		}
		f.arrived(frame, now())
	}
}

var (
	endFrame = []byte(`{"type":"end"`)
	popFrame = []byte(`{"type":"pop"`)
	ringBody = []byte(`{"call_id":`) // the baseline's frames are the webhook's body
	prefix   = []byte(callPrefix)
)

// arrived notes a frame.
func (f *fleet) arrived(frame []byte, at int64) {
	switch {
	case bytes.HasPrefix(frame, endFrame):
		f.ends.Add(1)
	case bytes.HasPrefix(frame, popFrame), bytes.HasPrefix(frame, ringBody):
		n, ok := numberIn(frame)
		if w := f.window.Load(); ok && w != nil {
			f.size.Store(int64(len(frame)))
			w.arrived(n, at)
		}
	}
}

// numberIn returns the number of the call that a frame is about.
func numberIn(frame []byte) (int, bool) {
	i := bytes.Index(frame, prefix)
	if i < 0 || len(frame) < i+len(prefix)+8 {
		return 0, false
	}
	n, err := strconv.Atoi(string(frame[i+len(prefix) : i+len(prefix)+8]))
	return n, err == nil
}

// close closes the screens, as pages that are gone.
func (f *fleet) close() {
	f.going.Store(true)
	for _, conn := range f.conns {
		if conn != nil {
			_ = conn.Close()
		}
	}
	f.readers.Wait()
}

// whole returns an error when the server has closed a screen.
func (f *fleet) whole() error {
	if n := f.lost.Load(); n > 0 {
		return fmt.Errorf("%s closed %d screens", f.s.name(), n)
	}
	return nil
}

// window is the calls of one measurement.
type window struct {
	first int
	calls []call
	left  atomic.Int64 // calls of which a pop is still to come
	done  chan struct{}
}

// call is one call on its way: when it was due, and when its last pop was here.
type call struct {
	due, last atomic.Int64
	left      atomic.Int32
}

func newWindow(first, calls, screens int) *window {
	w := &window{first: first, calls: make([]call, calls), done: make(chan struct{})}
	w.left.Store(int64(calls))
	for i := range w.calls {
		w.calls[i].left.Store(int32(screens))
	}
	return w
}

func (w *window) arrived(n int, at int64) {
	if n -= w.first; n < 0 || n >= len(w.calls) {
		return
	}
	c := &w.calls[n]
	if c.left.Add(-1) == 0 {
		c.last.Store(at)
		if w.left.Add(-1) == 0 {
			close(w.done)
		}
	}
}

// failed is how many screens a call waits for that will never pop.
const failed = -1 << 30

// fail takes a call out of those that are waited for, if none of its pops has
// come.
func (w *window) fail(n int) {
	c := &w.calls[n]
	for left := c.left.Load(); left > 0; left = c.left.Load() {
		if c.left.CompareAndSwap(left, failed) {
			if w.left.Add(-1) == 0 {
				close(w.done)
			}
			return
		}
	}
}

var errMissing = errors.New("pops did not come")

// wait waits until every pop has come.
func (w *window) wait(limit time.Duration) error {
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-w.done:
		return nil
	case <-late.C:
		return fmt.Errorf("%w: %d of %d calls", errMissing, w.left.Load(), len(w.calls))
	}
}

// latencies returns how long each call's pops took, but for those that are not
// counted, and how many never came: they took for ever, which is patience.
func (w *window) latencies(uncounted func(int) bool) (took []time.Duration, missing int) {
	for i := range w.calls {
		c := &w.calls[i]
		switch {
		case uncounted != nil && uncounted(i):
		case c.left.Load() == 0:
			took = append(took, time.Duration(c.last.Load()-c.due.Load()))
		default:
			took = append(took, patience)
			missing++
		}
	}
	return took, missing
}
