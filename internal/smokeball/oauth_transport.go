package smokeball

import (
	"bytes"
	"encoding/json"
	"errors"
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
	body, err := readAtMost(res.Body, maxTokenAnswer)
	res.Body.Close()
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusOK && strings.Contains(r.URL.Path, "/oauth2/token") {
		body = withLifetime(body)
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

// withLifetime sees to it that expires_in is a positive whole number. The
// library fails the whole answer on any other text, and would take 0 or none
// for "for ever"; with a single-use code, that loses the pairing for nothing.
func withLifetime(body []byte) []byte {
	var answer map[string]json.RawMessage
	if json.Unmarshal(body, &answer) != nil || answer == nil {
		return body // for the library to refuse
	}
	answer["expires_in"] = strconv.AppendInt(nil, lifetime(answer["expires_in"]), 10)
	b, err := json.Marshal(answer)
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
