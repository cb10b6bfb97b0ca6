package smokeball

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// maxAnswer bounds an answer of the API: a page of contacts with everything
// Smokeball knows of them stays well below.
const maxAnswer = 2 << 20

// ClientConfig is what a Client stands on. APIBase is Hosts.API. A nil HTTP
// means NewHTTPClient, a nil Budget one of its own with Smokeball's default
// limits, a nil Metrics counts unseen. ClientID tells whose budget it is when
// there is no Budget.
type ClientConfig struct {
	APIBase  string
	APIKey   screenpop.Secret
	ClientID string
	HTTP     *http.Client
	Budget   *Budget
	Metrics  *Metrics
}

// Client asks Smokeball's API. Each method sends one GET with the access token
// it is given, and returns a *StatusError, *AnswerError, *ConnectionError,
// ErrBusy, ErrNotAsked, or ctx's error when ctx ended while it waited for the
// budget. It may be used from many goroutines.
type Client struct {
	base    string
	key     string
	http    *http.Client
	budget  *Budget
	metrics *Metrics
}

// NewClient returns a client of one app at one API.
func NewClient(cfg ClientConfig) *Client {
	c := &Client{
		base: strings.TrimRight(cfg.APIBase, "/"), key: cfg.APIKey.Reveal(),
		http: strict(cfg.HTTP), budget: cfg.Budget, metrics: cfg.Metrics,
	}
	if c.budget == nil {
		c.budget = NewBudgets().For(cfg.APIBase, cfg.ClientID, 0, 0)
	}
	if c.metrics == nil {
		c.metrics = NewMetrics(nil)
	}
	return c
}

// Failing tells whether requests to e are not sent because Smokeball has
// failed again and again.
func (c *Client) Failing(e Endpoint) bool { return c.budget.Failing(e) }

// Answering is Budget.Answering of the client's budget.
func (c *Client) Answering(e Endpoint) bool { return c.budget.Answering(e) }

// Changes is Budget.Changes of the client's budget.
func (c *Client) Changes(ctx context.Context, e Endpoint) <-chan struct{} {
	return c.budget.Changes(ctx, e)
}

// get asks for path and decodes the answer into into.
func (c *Client) get(ctx context.Context, e Endpoint, path string, query url.Values, token screenpop.Secret, into any) error {
	if !headerSafe(token.Reveal()) {
		return &StatusError{Status: http.StatusUnauthorized, Endpoint: e} // what it would come to
	}
	// The wait for the budget counts: nobody waits for an answer this long.
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	permit, err := c.budget.acquire(ctx, e)
	if err != nil {
		return err
	}
	status, err := c.send(ctx, permit, e, path, query, token, into)
	permit.done(err)
	c.metrics.sent(e, status, err)
	return err
}

func (c *Client) send(ctx context.Context, p *permit, e Endpoint, path string, query url.Values, token screenpop.Secret, into any) (status int, err error) {
	address := c.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { p.sent() }})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, &ConnectionError{e, errors.New("the address of the API cannot be used")}
	}
	id := newRequestID()
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	req.Header.Set("x-api-key", c.key)
	req.Header.Set("RequestId", id)
	res, err := c.http.Do(req)
	if err != nil {
		return 0, &ConnectionError{e, withoutURL(err)}
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return res.StatusCode, &StatusError{
			Status: res.StatusCode, Endpoint: e, RetryAfter: retryAfter(res.Header, time.Now()), RequestID: id,
		}
	}
	body, err := readAtMost(res.Body, maxAnswer)
	switch {
	case errors.Is(err, errTooLarge):
		return res.StatusCode, &AnswerError{e, err.Error()}
	case err != nil:
		return res.StatusCode, &ConnectionError{e, withoutURL(err)}
	}
	return res.StatusCode, decode(e, body, into)
}

// decode reads an answer, which has to be one JSON object and nothing else.
func decode(e Endpoint, body []byte, into any) error {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return &AnswerError{e, "the answer is no JSON object"}
	}
	if json.Unmarshal(body, into) != nil {
		return &AnswerError{e, "the answer is not whole JSON"} // the decoder's words may quote it
	}
	return nil
}
