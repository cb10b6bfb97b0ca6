package smokeball

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// tokenTransport brings golang.org/x/oauth2 in line with what Smokeball
// documents and with what servers really answer. It sends one request for each
// it is given.
type tokenTransport struct {
	clientID string
	base     http.RoundTripper
}

func (t tokenTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r, err := t.withClientID(r)
	if err != nil {
		return nil, err
	}
	res, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	grants := res.StatusCode/100 == 2 && strings.HasSuffix(r.URL.Path, "/oauth2/token")
	body, err := io.ReadAll(io.LimitReader(res.Body, maxTokenAnswer+1))
	res.Body.Close()
	if err == nil && len(body) > maxTokenAnswer {
		err = fmt.Errorf("%w: more than %d bytes", errTooLarge, maxTokenAnswer)
	}
	if err != nil {
		if grants {
			salvageOf(r.Context()).refresh = refreshTokenIn(body)
		}
		return nil, err
	}
	if grants {
		body = tidy(body, salvageOf(r.Context()))
		res.Header.Set("Content-Type", "application/json") // else the library tries a form
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	res.ContentLength = int64(len(body))
	return res, nil
}

// withClientID adds client_id to the form of a refresh: in header style the
// library leaves it out, and Smokeball documents it as required.
func (t tokenTransport) withClientID(r *http.Request) (*http.Request, error) {
	if r.Body == nil {
		return r, nil
	}
	b, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(b))
	if err != nil {
		return nil, errors.New("the request's form cannot be read")
	}
	if form.Get("grant_type") == "refresh_token" {
		form.Set("client_id", t.clientID)
		b = []byte(form.Encode())
	}
	c := r.Clone(r.Context())
	c.Header.Set("Accept", "application/json")
	c.Body = io.NopCloser(bytes.NewReader(b))
	c.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
	c.ContentLength = int64(len(b))
	return c, nil
}

// tidy leaves of a token answer what is of use, in the types the library can
// read: it fails the whole answer on one field of another type, and would take
// an expires_in of 0 or none for "for ever". With a single-use code or a
// rotated refresh token, that loses the pairing for nothing. A refresh token
// beside no error is also put into kept.
func tidy(body []byte, kept *salvage) []byte {
	var answer map[string]json.RawMessage
	if json.Unmarshal(body, &answer) != nil || answer == nil {
		kept.refresh = refreshTokenIn(body)
		return body // for the library to refuse
	}
	clean := map[string]any{"expires_in": lifetime(answer["expires_in"])}
	for _, name := range []string{"access_token", "refresh_token", "token_type", "error"} {
		var text string
		if json.Unmarshal(answer[name], &text) == nil && text != "" {
			clean[name] = text
		}
	}
	if refresh, ok := clean["refresh_token"].(string); ok && clean["error"] == nil {
		kept.refresh = refresh
	}
	b, err := json.Marshal(clean)
	if err != nil {
		return body
	}
	return b
}

// lifetime reads expires_in: a number or a text that is one.
func lifetime(raw json.RawMessage) int64 {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(seconds >= 1) {
		return int64(DefaultTokenLifetime.Seconds())
	}
	return int64(min(seconds, math.MaxInt32))
}

// errorCode reads the error code of an OAuth error's body.
func errorCode(body io.Reader) string {
	var answer struct {
		Error string `json:"error"`
	}
	b, err := readAtMost(body, maxTokenAnswer)
	if err != nil || json.Unmarshal(b, &answer) != nil {
		return ""
	}
	return answer.Error
}
