package natsproc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	askEvery = 50 * time.Millisecond
	askTime  = 2 * time.Second
)

// Ready waits until JetStream takes writes: the servers that run are healthy,
// and agree on a leader that sees them all. It returns an error that says what
// is missing when ctx ends before, or a server does.
func (c *Cluster) Ready(ctx context.Context) error {
	var running []*Server
	for _, s := range c.Servers {
		if s.PID() != 0 {
			running = append(running, s)
		}
	}
	return c.ready(ctx, running)
}

// ready is Ready for servers that have been started.
func (c *Cluster) ready(ctx context.Context, running []*Server) error {
	if len(running) == 0 {
		return errors.New("JetStream is not ready: no server runs")
	}
	client := newClient()
	for {
		missing := c.missing(ctx, client, running)
		if missing == nil {
			return nil
		}
		for _, s := range running {
			if s.PID() == 0 {
				return fmt.Errorf("%s has ended:\n%s", s.Program.Name, s.Tail())
			}
		}
		select {
		case <-time.After(askEvery):
		case <-ctx.Done():
			return fmt.Errorf("JetStream is not ready: %w", missing)
		}
	}
}

func newClient() *http.Client {
	return &http.Client{Timeout: askTime, Transport: &http.Transport{DisableKeepAlives: true}}
}

// meta is what a server says of the cluster's JetStream.
type meta struct {
	Cluster *struct {
		Leader   string
		Replicas []struct{ Current, Offline bool }
	} `json:"meta_cluster"`
}

// missing is why JetStream does not take writes yet.
func (c *Cluster) missing(ctx context.Context, client *http.Client, running []*Server) error {
	leader := ""
	for i, s := range running {
		var health struct{ Status, Error string }
		if err := ask(ctx, client, s, "/healthz", &health); err != nil {
			return err
		}
		if health.Status != "ok" {
			return fmt.Errorf("%s says %s: %s", s.Program.Name, health.Status, health.Error)
		}
		if len(c.Servers) == 1 {
			continue
		}
		var m meta
		if err := ask(ctx, client, s, "/jsz", &m); err != nil {
			return err
		}
		switch {
		case m.Cluster == nil || m.Cluster.Leader == "":
			return fmt.Errorf("%s knows no leader", s.Program.Name)
		case i > 0 && m.Cluster.Leader != leader:
			return fmt.Errorf("%s follows %s, others %s", s.Program.Name, m.Cluster.Leader, leader)
		}
		leader = m.Cluster.Leader
		if leader != s.Place.Name {
			continue
		}
		seen := 1
		for _, r := range m.Cluster.Replicas {
			if r.Current && !r.Offline {
				seen++
			}
		}
		if seen < len(running) {
			return fmt.Errorf("the leader %s sees %d servers of %d", leader, seen, len(running))
		}
	}
	return nil
}

func ask(ctx context.Context, client *http.Client, s *Server, path string, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Monitor+path, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask %s: %w", s.Program.Name, err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(out); err != nil {
		return fmt.Errorf("ask %s for %s: %w", s.Program.Name, path, err)
	}
	return nil
}
