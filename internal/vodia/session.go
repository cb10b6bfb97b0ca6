package vodia

import (
	"context"
	"encoding/json"
	"net/http"
)

const sessionPath = "/rest/system/session"

// session opens the websocket. Both ways of showing it are kept: a PBX that
// does not take the cookie may take the id in the address.
type session struct{ cookie, id string }

// login makes a session, the way the PBX describes for third parties: a token
// of the system administrator's, valid for 10 s, is turned into a session.
func (c *Client) login(ctx context.Context) (*session, error) {
	const doing = "open a session on the PBX"
	ask := map[string]string{"name": "3rd", "domain": c.cfg.Domain}
	if c.cfg.User != "" {
		ask["username"] = c.cfg.User
	}
	body, _, err := c.send(ctx, request{doing: doing, method: http.MethodPost, path: sessionPath, body: ask})
	if err != nil {
		return nil, err
	}
	token := decodeToken(body)
	if token == "" {
		if refused(body) {
			return nil, &Error{Kind: BadCredentials, Status: http.StatusOK, doing: doing,
				text: "the PBX accepts the user name and password for no session: live states need a system administrator's"}
		}
		return nil, &Error{Kind: Broken, Status: http.StatusOK, doing: doing, text: "the PBX gave no session token: see whether its version is 67 or newer"}
	}
	// This step is a browser's, which has no password.
	body, res, err := c.send(ctx, request{doing: doing, method: http.MethodPost, path: sessionPath,
		body: map[string]string{"name": "session", "value": token}, anonymous: true})
	if err != nil {
		return nil, err
	}
	if refused(body) {
		return nil, &Error{Kind: Refused, Status: http.StatusOK, doing: doing, text: "the PBX does not accept its own session token: it is valid for 10 s, look whether the PBX is overloaded"}
	}
	s := &session{id: token}
	for _, k := range res.Cookies() {
		if k.Name == "session" && k.Value != "" {
			s.cookie = k.Value
		}
	}
	return s, nil
}

// decodeToken reads a token, which is one word in quotes.
func decodeToken(answer []byte) string {
	var token string
	if json.Unmarshal(answer, &token) != nil || len(token) > maxText {
		return ""
	}
	for i := range len(token) {
		if token[i] <= ' ' || token[i] >= 0x7f || token[i] == ';' || token[i] == '"' || token[i] == ',' || token[i] == '\\' {
			return ""
		}
	}
	return token
}
