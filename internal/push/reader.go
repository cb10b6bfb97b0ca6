package push

import (
	"errors"
	"io"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// messageTimeout is how long a browser may take over one short message.
const messageTimeout = 5 * time.Second

// read takes the browser's messages until the socket ends, and then gives up
// what the screen holds.
func (s *screen) read() {
	defer s.hub.finished(s)
	in := &intake{limit: s.hub.limits.Messages}
	s.conn.SetPingHandler(func(data string) error {
		if s.heed(in) {
			s.answerPing(data)
		}
		return nil
	})
	s.conn.SetPongHandler(func(string) error {
		s.heed(in)
		return nil
	})
	code := gone
	if err := s.messages(in); violated(err) {
		code = Protocol // the library has sent the standard's own code, 1002
	}
	s.hub.drop(s, code)
	_ = s.conn.Close() // nothing is written any more
	s.hub.log.Debug("screen closed", "agent", s.agent, "reason", s.closedFor().String())
}

// messages works the browser's messages off. After one that smokepop.v1 does
// not know the socket is being closed; the rest is read only to find the
// browser's close among it.
func (s *screen) messages(in *intake) error {
	for {
		op, r, err := s.conn.NextReader()
		if err != nil {
			return err
		}
		if !s.heed(in) {
			continue // NextReader skips what was not read
		}
		// A message may come in any number of empty pieces: it gets a time.
		_ = s.conn.SetReadDeadline(time.Now().Add(messageTimeout))
		asked, err := s.request(op, r)
		s.messageOver()
		switch {
		case errors.Is(err, errNoRequest):
			s.hub.drop(s, Protocol)
		case err != nil: // the connection's: NextReader returns it again
		case asked.kind == requestDismiss:
			s.hub.dismiss(s.agent, asked.id)
		case asked.kind == requestOpen:
			s.hub.openPop(s.agent, asked.id)
		}
	}
}

// messageOver takes a message's deadline off again, unless the socket is being
// closed: the writer then sets the one for the browser's answer.
func (s *screen) messageOver() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing == 0 {
		_ = s.conn.SetReadDeadline(time.Time{})
	}
}

// heed notes that the browser was heard and returns whether what it said
// counts: not when it says too much, nor when the socket is being closed.
func (s *screen) heed(in *intake) bool {
	s.heard.Store(s.hub.elapsed())
	if s.closedFor() != 0 {
		return false
	}
	if !in.allow(time.Now()) {
		s.hub.drop(s, Protocol)
		return false
	}
	return true
}

// request reads one message. The limit is held here and not by the library's
// own, which would close with 1009: a page takes that for a reason to try
// again.
func (s *screen) request(op int, r io.Reader) (request, error) {
	if op != websocket.TextMessage {
		return request{}, errNoRequest
	}
	b, err := io.ReadAll(io.LimitReader(r, int64(s.hub.limits.MessageBytes)+1))
	if err != nil {
		return request{}, err
	}
	if len(b) > s.hub.limits.MessageBytes {
		return request{}, errNoRequest
	}
	return decodeRequest(b)
}

// violated tells a breach of the websocket standard from a connection that
// ended: the library has no type of its own for the former, but a prefix.
func violated(err error) bool {
	var closed *websocket.CloseError
	return !errors.As(err, &closed) && strings.HasPrefix(err.Error(), "websocket: ")
}

// intakeWindow is what Limits.Messages counts over.
const intakeWindow = 10 * time.Second

// intake counts what a browser sends, control frames included. Only the reader
// touches it.
type intake struct {
	limit int
	since time.Time
	n     int
}

func (in *intake) allow(now time.Time) bool {
	if now.Sub(in.since) > intakeWindow {
		in.since, in.n = now, 0
	}
	in.n++
	return in.n <= in.limit
}
