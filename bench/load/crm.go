package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// crm is the simulated Smokeball; see bench/crm.
type crm struct {
	p                              *process
	url, control                   string
	clientID, clientSecret, apiKey string
}

func startCRM(path string, agents, contacts int, callback string) (*crm, error) {
	p, err := startPrinting(nil, path, "-agents", strconv.Itoa(agents), "-contacts", strconv.Itoa(contacts), "-callback", callback)
	if err != nil {
		return nil, err
	}
	c := &crm{p: p}
	if _, err := fmt.Sscan(p.first, &c.url, &c.control, &c.clientID, &c.clientSecret, &c.apiKey); err != nil {
		return nil, fmt.Errorf("the simulator printed %q: %w", p.first, err)
	}
	c.url, c.control = "http://"+c.url, "http://"+c.control
	return c, nil
}

// latency makes every search for contacts take this long.
func (c *crm) latency(d time.Duration) error { return c.post("/latency/"+d.String(), nil, nil) }

// signIn signs an agent in at Smokeball and returns where the browser is sent.
func (c *crm) signIn(authorizeURL string, agent int) (target string, err error) {
	err = c.post("/sign-in", url.Values{"url": {authorizeURL}, "email": {email(agent)}}, &target)
	return target, err
}

// forget forgets what was asked; otherwise the simulator remembers all of it.
func (c *crm) forget() error { return c.post("/forget", nil, nil) }

// searches returns how often contacts were searched since forget.
func (c *crm) searches() (int, error) {
	doc, err := get(c.control + "/searches")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(doc)
}

func (c *crm) post(path string, form url.Values, answer *string) error {
	res, err := http.Post(c.control+path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("the simulator answers %s: %s", res.Status, b)
	}
	if answer != nil {
		*answer = string(b)
	}
	return err
}

func email(agent int) string { return fmt.Sprintf("agent%d@firm.example", agent) }
