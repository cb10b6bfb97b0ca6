package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/config"
)

const defaultSocket = "/run/smokepop/admin.sock"

// adminFlags are the flags of every command that talks to a running daemon.
type adminFlags struct {
	socket, configFile string
	json               bool
}

func (f *adminFlags) register(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&f.socket, "socket", "", "the daemon's admin socket (default "+defaultSocket+")")
	cmd.PersistentFlags().StringVar(&f.configFile, "config", "", "take the admin socket's path from this configuration file")
	cmd.PersistentFlags().BoolVar(&f.json, "json", false, "print one JSON document")
}

// client returns a client of the admin socket the flags name.
func (f *adminFlags) client() (*adminClient, error) {
	path := f.socket
	if path == "" && f.configFile != "" {
		var err error
		if path, err = config.AdminSocket(f.configFile, os.Environ()); err != nil {
			return nil, failure{exitUsage, err}
		}
	}
	if path == "" {
		path = defaultSocket
	}
	return newAdminClient(path), nil
}

func newAdminClient(path string) *adminClient {
	return &adminClient{path: path, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
		ResponseHeaderTimeout: 30 * time.Second,
	}}}
}

// adminClient speaks the admin API over the unix socket.
type adminClient struct {
	path string
	http *http.Client
}

// call sends in as JSON (nil: no body) and decodes the answer into out (nil:
// no answer wanted). What the daemon refuses comes back as its own sentence.
func (c *adminClient) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	body, err := c.open(ctx, method, path, query, in)
	if err != nil {
		return err
	}
	defer body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(body).Decode(out); err != nil {
		return failure{exitFailed, fmt.Errorf("read the daemon's answer: %w", err)}
	}
	return nil
}

// open is call for answers that are read as a stream. The caller closes it.
func (c *adminClient) open(ctx context.Context, method, path string, query url.Values, in any) (io.ReadCloser, error) {
	res, err := c.send(ctx, method, path, query, in)
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}

// send is open with the answer's header.
func (c *adminClient) send(ctx context.Context, method, path string, query url.Values, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, failure{exitFailed, err}
		}
		body = bytes.NewReader(b)
	}
	u := url.URL{Scheme: "http", Host: "smokepopd", Path: path, RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, failure{exitFailed, err}
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if user := invokingUser(); user != "" {
		req.Header.Set("Smokepop-User", user)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, failure{exitFailed, c.explain(err)}
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	defer res.Body.Close()
	var problem struct{ Title, Detail string }
	if err := json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&problem); err != nil || problem.Detail == "" {
		return nil, failure{exitFailed, fmt.Errorf("the daemon answered %s", res.Status)}
	}
	return nil, failure{exitFailed, errors.New(problem.Detail)}
}

// invokingUser is the name of who runs the command, as the audit log shows it
// beside what the kernel says: with sudo, who has called it.
func invokingUser() string {
	name := ""
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if by := os.Getenv("SUDO_USER"); by != "" && os.Geteuid() == 0 {
		name = by
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "" // no header has that
	}
	return name
}

// running tells whether a daemon listens on the socket.
func (c *adminClient) running(ctx context.Context) (bool, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", c.path)
	switch {
	case err == nil:
		return true, conn.Close()
	case nobody(err):
		return false, nil
	}
	return false, failure{exitFailed, c.explain(err)}
}

// nobody tells that no daemon listens from other errors.
func nobody(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
}

func (c *adminClient) explain(err error) error {
	switch {
	case nobody(err):
		return fmt.Errorf("no daemon is listening on %s: is smokepopd running, and is this its admin_socket? (--socket or --config names another)", c.path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("you may not open %s: run this as root or as a member of the socket's group", c.path)
	}
	return fmt.Errorf("talk to the daemon on %s: %w", c.path, err)
}
