package push

import (
	"errors"
	"net"
	"time"

	"github.com/gorilla/websocket"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// write writes what is queued and ends when nothing is left. There is one
// writer of a screen at a time.
func (s *screen) write() {
	for m := s.take(); m != nil; m = s.take() {
		// The error of a deadline in gorilla comes with the write.
		_ = s.conn.SetWriteDeadline(time.Now().Add(s.hub.limits.WriteTimeout))
		if err := s.conn.WriteMessage(m.op, m.data); err != nil {
			code := gone
			if timedOut(err) {
				code = TooSlow
			}
			s.hub.drop(s, code)
			s.abort()
			return
		}
		if m.op == websocket.CloseMessage {
			// The reader waits for the browser's close, but not for ever.
			if err := s.conn.SetReadDeadline(time.Now().Add(s.hub.limits.CloseGrace)); err != nil {
				s.abort()
			}
			return
		}
		if m.pop != nil {
			s.written(m.pop)
		}
	}
}

// written measures a pop's frame, which has gone to the browser.
func (s *screen) written(w *way) {
	now := time.Now()
	if !w.received.IsZero() {
		s.hub.metrics.ringToPop.Observe(now.Sub(w.received).Seconds())
	}
	if !screenpop.Measuring(s.hub.frames) {
		return
	}
	s.hub.frames.Record(screenpop.TraceEntry{
		Time: now, Tenant: s.agent.Tenant, Extension: s.agent.Extension, Call: w.call,
		Step: screenpop.StepFrame, Verdict: "written", Timing: &screenpop.Timing{Began: w.queued, Ended: now},
	})
}

// take returns the next message to write. With nil the writer is over: a later
// message starts another, and after the close frame there is none.
func (s *screen) take() *message {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closing > 0 && len(s.queue) == 0:
		return &message{op: websocket.CloseMessage, data: websocket.FormatCloseMessage(int(s.closing), closeReason(s.closing, s.words))}
	case s.pong != nil:
		m := s.pong
		s.pong = nil
		return m
	case len(s.queue) == 0:
		s.queue = nil // an idle screen keeps no queue
		s.writing = false
		return nil
	}
	m := s.queue[0]
	s.queue[0] = nil
	s.queue = s.queue[1:]
	s.queued -= len(m.data)
	return m
}

func timedOut(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// abort closes the connection below TLS, whose Close may wait for a peer that
// does not read.
func abort(conn *websocket.Conn) {
	c := conn.NetConn()
	for {
		t, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = t.NetConn()
	}
	_ = c.Close() // it is broken off either way
}
