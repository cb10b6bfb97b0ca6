package vodia

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	keepAlive    = 30 * time.Second
	writeTimeout = 10 * time.Second
	// silence is how long a connection may bring nothing, not even the answer to
	// a ping. A PBX that has been found to answer no pings gets longSilence: of
	// it, a quiet night cannot be told from a dead line.
	silence     = 3 * keepAlive
	longSilence = 10 * time.Minute
)

const (
	subscribe  = `{"action":"domain-calls","subscribe":true}`
	stayOnline = `{"action":"avoid-disconnect"}`
)

// watch is what one Watch remembers between its connections.
type watch struct {
	*Client
	feed    Feed
	session *session
	mute    bool // the PBX answers no pings
}

// listen opens a connection and reads it until it breaks.
func (w *watch) listen(ctx context.Context) error {
	conn, err := w.reconnect(ctx)
	if err != nil {
		return err
	}
	return w.read(ctx, conn)
}

// reconnect opens a connection with the session there is, or a new one.
func (w *watch) reconnect(ctx context.Context) (*websocket.Conn, error) {
	if w.session != nil {
		conn, err := w.connect(ctx, w.session)
		if !is(err, BadCredentials, Forbidden, NotFound) {
			return conn, err
		}
	}
	var err error
	if w.session, err = w.login(ctx); err != nil {
		return nil, err
	}
	return w.connect(ctx, w.session)
}

// read subscribes and hands on what comes, until the connection breaks.
func (w *watch) read(ctx context.Context, conn *websocket.Conn) error {
	const doing = "listen to the PBX's live calls"
	ctx, cancel := context.WithCancel(ctx)
	var writer sync.WaitGroup
	defer writer.Wait()
	defer cancel()
	writer.Go(func() { keep(ctx, conn) })

	patience, ponged := silence, false
	if w.mute {
		patience = longSilence
	}
	heard := func() { _ = conn.SetReadDeadline(time.Now().Add(patience)) }
	conn.SetPongHandler(func(string) error {
		ponged, w.mute = true, false
		heard()
		return nil
	})
	heard()
	if w.feed.State != nil {
		w.feed.State(true, nil)
	}
	for {
		kind, frame, err := conn.ReadMessage()
		if err != nil {
			e := w.connectionError(ctx, doing, err)
			if is(e, Timeout) && !ponged {
				w.mute = true
			}
			return closeError(doing, err, e)
		}
		heard()
		if kind != websocket.TextMessage {
			w.frames.ignored.Add(1)
			continue
		}
		if calls, ok := w.take(frame); ok {
			w.feed.Calls(calls)
		}
	}
}

// keep subscribes, keeps the connection alive, and closes it when ctx ends or
// nothing can be written any more. It is the only writer of messages.
func keep(ctx context.Context, conn *websocket.Conn) {
	defer conn.Close()
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	message := subscribe
	for {
		_ = conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		if conn.WriteMessage(websocket.TextMessage, []byte(message)) != nil {
			return
		}
		if conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeTimeout)) != nil {
			return
		}
		message = stayOnline
		select {
		case <-tick.C:
		case <-ctx.Done():
			_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
			return
		}
	}
}

// closeError puts a close by the PBX into words; its reason is not quoted.
func closeError(doing string, err, otherwise error) error {
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &closed) && closed.Code == websocket.CloseAbnormalClosure:
		return &Error{Kind: Unreachable, doing: doing, text: "the PBX broke the websocket off", cause: err}
	case errors.As(err, &closed):
		return &Error{Kind: Unreachable, doing: doing, text: fmt.Sprintf("the PBX closed the websocket (%d)", closed.Code), cause: err}
	case errors.Is(err, websocket.ErrReadLimit):
		return &Error{Kind: Broken, doing: doing, text: "the PBX sent a frame that is too large", cause: err}
	}
	return otherwise
}
