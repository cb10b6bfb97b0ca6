package vodia

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// maxAnswer bounds an answer: a list of some thousand accounts stays below.
const maxAnswer = 8 << 20

// errElsewhere is a redirect that is not followed.
var errElsewhere = errors.New("redirect to another host")

// sameHost lets a GET be sent on within the PBX, and nothing else: neither a
// password nor a write goes anywhere the admin did not name.
func sameHost(req *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > 3 || first.Method != http.MethodGet || req.URL.Scheme != first.URL.Scheme || req.URL.Host != first.URL.Host {
		return errElsewhere
	}
	return nil
}

// path fills a documented path with the tenant and an account.
func (c *Client) path(pattern, account string) string {
	return strings.NewReplacer(
		"{domain}", url.PathEscape(c.cfg.Domain), "{account}", url.PathEscape(account),
	).Replace(pattern)
}

// pathSafe tells whether s may be one step of a path.
func pathSafe(s string) bool {
	if s == "" || s == "." || s == ".." || len(s) > 253 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`/\?#%{}`, r) })
}

// get asks for path and returns the JSON of the answer.
func (c *Client) get(ctx context.Context, doing, path string) ([]byte, error) {
	body, _, err := c.send(ctx, request{doing: doing, method: http.MethodGet, path: path})
	return body, err
}

// post sends v and returns the answer, which may be empty. An answer of false
// is a refusal.
func (c *Client) post(ctx context.Context, doing, path string, v any) ([]byte, error) {
	body, _, err := c.send(ctx, request{doing: doing, method: http.MethodPost, path: path, body: v})
	if err == nil && refused(body) {
		return nil, &Error{Kind: Refused, Status: http.StatusOK, doing: doing, text: "the PBX refuses it without a reason"}
	}
	return body, err
}

// refused tells whether an answer is false.
func refused(answer []byte) bool { return bytes.Equal(bytes.TrimSpace(answer), []byte("false")) }

// request is one request. doing says in an error what it was for; a nil body
// is none.
type request struct {
	doing, method, path string
	body                any
	anonymous           bool // without the password
	user                string
	password            screenpop.Secret // user's, instead of ours
}

// send sends a request and returns an answer that is 2xx, and JSON or empty.
func (c *Client) send(ctx context.Context, r request) ([]byte, *http.Response, error) {
	doing := r.doing
	call, cancel := context.WithTimeout(ctx, c.cfg.CallTimeout)
	defer cancel()
	var body io.Reader
	if r.body != nil {
		b, err := json.Marshal(r.body)
		if err != nil {
			return nil, nil, &Error{Kind: Invalid, doing: doing, text: "it cannot be written as JSON"}
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(call, r.method, c.base.String()+r.path, body)
	if err != nil {
		return nil, nil, &Error{Kind: Invalid, doing: doing, text: "the address cannot be used: check pbx.api.url"}
	}
	switch {
	case r.user != "":
		req.SetBasicAuth(r.user, r.password.Reveal())
	case !r.anonymous:
		req.SetBasicAuth(c.cfg.Username, c.cfg.Password.Reveal())
	}
	req.Header.Set("Accept", "application/json")
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if errors.Is(err, errElsewhere) {
		return nil, nil, &Error{Kind: NotAPBX, doing: doing, text: "the address answers with a redirect that is not followed: set pbx.api.url to where the PBX is"}
	}
	if err != nil {
		return nil, nil, c.connectionError(ctx, doing, err)
	}
	defer res.Body.Close()
	if s := res.Header.Get("Server"); s != "" {
		c.server.Store(&s)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return nil, res, statusError(doing, res.StatusCode)
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err == nil {
		err = call.Err() // a body that we stopped reading may look whole
	}
	if err != nil {
		return nil, res, c.connectionError(ctx, doing, err)
	}
	return answer, res, checkAnswer(doing, r.method, answer)
}

// checkAnswer tells an answer of the API from a web page and from half of it.
func checkAnswer(doing, method string, answer []byte) error {
	answer = bytes.TrimSpace(answer)
	switch {
	case len(answer) > maxAnswer:
		return &Error{Kind: Broken, Status: http.StatusOK, doing: doing, text: "the PBX's answer is too large"}
	case bytes.HasPrefix(answer, []byte("<")):
		return &Error{Kind: NotAPBX, Status: http.StatusOK, doing: doing,
			text: "a web page came instead of an answer of the API: check that pbx.api.url is the PBX's own address"}
	case len(answer) == 0 && method != http.MethodGet:
		return nil
	case !json.Valid(answer):
		return &Error{Kind: Broken, Status: http.StatusOK, doing: doing, text: "the PBX's answer is not whole JSON: try again, and look whether a proxy cuts it"}
	}
	return nil
}
