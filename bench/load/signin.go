package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"golang.org/x/sync/errgroup"
)

// admit signs every agent in and pairs them, each through the same doors as a
// person: invite, session, Smokeball's sign-in, callback.
func (o *office) admit() error {
	admin := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", o.adminSocket())
	}}}
	defer admin.CloseIdleConnections()
	o.cookies = make([]string, o.agents)
	var group errgroup.Group
	group.SetLimit(16)
	for i := range o.agents {
		group.Go(func() error {
			// An address of the agent's own, so that nobody takes a whole firm for
			// one who guesses.
			browser := &http.Client{
				Transport:     &http.Transport{DialContext: from(i).DialContext},
				CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			}
			defer browser.CloseIdleConnections()
			if err := o.admitOne(admin, browser, i); err != nil {
				return fmt.Errorf("admit extension %s: %w", extension(i), err)
			}
			return nil
		})
	}
	return group.Wait()
}

func (o *office) admitOne(admin, browser *http.Client, i int) error {
	var invite struct{ URL string }
	body, _ := json.Marshal(map[string]string{"tenant": o.firm(i), "extension": extension(i)})
	if _, err := o.request(admin, http.MethodPost, "http://smokepopd/v1/invites", "", body, &invite); err != nil {
		return err
	}
	_, token, _ := strings.Cut(invite.URL, "/join#")
	body, _ = json.Marshal(map[string]string{"invite": token})
	res, err := o.request(browser, http.MethodPost, o.public()+"/api/session", "", body, nil)
	if err != nil {
		return err
	}
	for _, c := range res.Cookies() {
		o.cookies[i] = c.Name + "=" + c.Value
	}
	if o.cookies[i] == "" {
		return errors.New("signing in gave no cookie")
	}
	var pairing struct {
		URL string `json:"authorize_url"`
	}
	if _, err := o.request(browser, http.MethodPost, o.public()+"/api/pair", o.cookies[i], nil, &pairing); err != nil {
		return err
	}
	back, err := o.crm.signIn(pairing.URL, i)
	if err != nil {
		return err
	}
	_, err = o.request(browser, http.MethodGet, back, o.cookies[i], nil, nil)
	return err
}

func (o *office) request(c *http.Client, method, url, cookie string, body []byte, answer any) (*http.Response, error) {
	req, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if method != http.MethodGet {
		req.Header.Set("Origin", o.public())
		req.Header.Set("Content-Type", "application/json")
	}
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return nil, err
	case res.StatusCode/100 != 2:
		return nil, fmt.Errorf("%s %s: %s %s", method, req.URL.Path, res.Status, b)
	case answer != nil:
		return res, json.Unmarshal(b, answer)
	}
	return res, nil
}
