package vodia

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/gorilla/websocket"
)

// maxFrame bounds a frame: the live calls of some hundred extensions stay well
// below.
const maxFrame = 4 << 20

// connect opens the websocket with s, by cookie and, if that is refused, by
// the id in the address.
func (c *Client) connect(ctx context.Context, s *session) (*websocket.Conn, error) {
	if s.cookie == "" {
		return c.open(ctx, nil, s.id)
	}
	conn, err := c.open(ctx, http.Header{"Cookie": {(&http.Cookie{Name: "session", Value: s.cookie}).String()}}, "")
	if is(err, BadCredentials, Forbidden) {
		if conn, err := c.open(ctx, nil, s.id); err == nil {
			return conn, nil
		}
	}
	return conn, err
}

func (c *Client) open(ctx context.Context, header http.Header, id string) (*websocket.Conn, error) {
	const doing = "open the websocket of the PBX"
	u := *c.base
	u.Scheme = "wss"
	if c.base.Scheme == "http" {
		u.Scheme = "ws"
	}
	u.Path += "/websocket"
	u.RawQuery = "domain=" + url.QueryEscape(c.cfg.Domain)
	if c.cfg.User != "" {
		u.RawQuery += "&user=" + url.QueryEscape(c.cfg.User)
	}
	if id != "" {
		u.RawQuery += "&session=" + url.QueryEscape(id)
	}
	dialer := websocket.Dialer{
		NetDialContext:   c.transport.DialContext,
		Proxy:            c.transport.Proxy,
		HandshakeTimeout: c.cfg.CallTimeout,
	}
	if t := c.transport.TLSClientConfig; t != nil {
		dialer.TLSClientConfig = t.Clone()
		dialer.TLSClientConfig.NextProtos = nil // a websocket is HTTP/1.1
	}
	call, cancel := context.WithTimeout(ctx, c.cfg.CallTimeout)
	defer cancel()
	conn, res, err := dialer.DialContext(call, u.String(), header)
	switch {
	case err == nil:
		conn.SetReadLimit(maxFrame)
		return conn, nil
	case errors.Is(err, websocket.ErrBadHandshake) && res != nil && res.StatusCode == http.StatusOK:
		return nil, &Error{Kind: NotAPBX, Status: res.StatusCode, doing: doing, text: "there is no websocket at this address: let it through the proxy before the PBX"}
	case errors.Is(err, websocket.ErrBadHandshake) && res != nil:
		e := statusError(doing, res.StatusCode)
		if e.Kind == BadCredentials {
			e.text = "the PBX does not accept the session (401): look whether its access list or a proxy takes it away"
		}
		return nil, e
	}
	return nil, c.connectionError(ctx, doing, err)
}
