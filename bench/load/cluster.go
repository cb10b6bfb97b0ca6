package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/gorilla/websocket"

	"github.com/smokepop/smokepop/internal/natsproc"
)

// cluster is daemons that are one over three NATS servers, on the office of the
// first.
type cluster struct {
	first *office
	nats  *natsproc.Cluster
	nodes []*smokepop
	all   process // the first node's; beside it are the others and the servers
	asked int
}

// spreadFirms is over how many firms of a cluster half of its agents are spread.
const spreadFirms = 8

// cluster starts NATS and a first node, and has every agent signed in and paired
// there: so many of one firm, and as many spread over others.
func (b *bench) cluster(agents int) (*cluster, error) {
	dir, err := os.MkdirTemp(b.dir, "cluster-")
	if err != nil {
		return nil, err
	}
	o, err := newOffice(filepath.Join(b.bin, "smokepopd"), filepath.Join(b.bin, "bench-crm"), dir, 2*agents, 20_000)
	if err != nil {
		return nil, err
	}
	o.firms, o.single = spreadFirms, agents
	b.offices = append(b.offices, o)
	c := &cluster{first: o}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if c.nats, err = natsproc.Start(ctx, natsproc.Config{Program: filepath.Join(b.bin, "nats-server"), Dir: dir, Servers: 3}); err != nil {
		return nil, err
	}
	if err := c.join(); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	if err := o.admit(); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, o.crm.forget()
}

// join starts a further node and waits until each has its part of the work.
func (c *cluster) join() error {
	node := c.first
	if len(c.nodes) > 0 {
		further := *c.first // with the agents' sessions
		node = &further
		node.dir = filepath.Join(c.first.dir, fmt.Sprint("node-", len(c.nodes)+1))
		node.file = filepath.Join(node.dir, "smokepop.yaml")
		err := os.Mkdir(node.dir, 0o700)
		for _, at := range []*string{&node.host, &node.ops, &node.profiles} {
			if err == nil {
				*at, err = freeAddress()
			}
		}
		if err != nil {
			return err
		}
	}
	err := node.configure(func(settings map[string]any) {
		settings["encryption_key_file"] = c.first.key() // the same for all
		settings["cluster"] = map[string]any{
			"nats": map[string]any{"urls": c.nats.URLs()}, "node": fmt.Sprint("n", len(c.nodes)+1), "replicas": 3,
		}
	})
	if err != nil {
		return err
	}
	s, err := node.serve()
	if err != nil {
		return err
	}
	c.nodes = append(c.nodes, s)
	c.all = process{cmd: c.nodes[0].p.cmd}
	for _, n := range c.nodes[1:] {
		c.all.beside = append(c.all.beside, n.p.cmd.Process.Pid)
	}
	for _, n := range c.nats.Servers {
		c.all.beside = append(c.all.beside, n.PID())
	}
	return eventually("every part of the cluster is where it has to be", c.settled)
}

func (c *cluster) settled() bool {
	for _, n := range c.nodes {
		socket := n.office.adminSocket()
		admin := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}}}
		res, err := admin.Get("http://smokepopd/v1/members")
		if err != nil {
			return false
		}
		var is struct {
			Members []json.RawMessage
			Settled bool
		}
		err = json.NewDecoder(res.Body).Decode(&is)
		_ = res.Body.Close()
		if err != nil || !is.Settled || len(is.Members) != len(c.nodes) {
			return false
		}
	}
	return true
}

func (c *cluster) name() string {
	if len(c.nodes) == 1 {
		return "one node"
	}
	return fmt.Sprintf("%d nodes", len(c.nodes))
}

// address is that of each node in turn, as with a balancer of connections.
func (c *cluster) address() string {
	c.asked++
	return c.nodes[c.asked%len(c.nodes)].address()
}

func (c *cluster) process() *process { return &c.all }
func (c *cluster) ends() bool        { return true }

func (c *cluster) dial(i int) (*websocket.Conn, error) {
	return c.nodes[i%len(c.nodes)].dial(i)
}

func (c *cluster) firm(i int) (domain, number string) {
	return c.first.firm(i), extension(i)
}

// ofFirms is the cluster as those agents see it who are of several firms.
type ofFirms struct{ *cluster }

func (s ofFirms) dial(i int) (*websocket.Conn, error) { return s.cluster.dial(s.first.single + i) }
func (s ofFirms) firm(i int) (domain, number string) {
	return s.cluster.firm(s.first.single + i)
}

// busiest is the processor time of the node that has used most of it since before.
func (c *cluster) busiest(before []time.Duration) (used []time.Duration, most time.Duration, err error) {
	for i, n := range c.nodes {
		own := process{cmd: n.p.cmd}
		is, problem := own.cpu()
		used, err = append(used, is), errors.Join(err, problem)
		if i < len(before) {
			most = max(most, is-before[i])
		}
	}
	return used, most, err
}

// memory is that of all nodes.
func (c *cluster) memory() (allocations, inUse uint64, err error) {
	for _, n := range c.nodes {
		a, m, problem := n.memory()
		allocations, inUse, err = allocations+a, inUse+m, errors.Join(err, problem)
	}
	return allocations, inUse, err
}

// stored returns how many records a server keeps, and their bytes.
func (c *cluster) stored() (records, bytes float64, err error) {
	doc, err := get("http://" + c.nats.Servers[0].Monitor + "/jsz?accounts=1&streams=1")
	if err != nil {
		return 0, 0, err
	}
	var is struct {
		Accounts []struct {
			Streams []struct {
				Name  string
				State struct{ Messages, Bytes float64 }
			} `json:"stream_detail"`
		} `json:"account_details"`
	}
	if err := json.Unmarshal([]byte(doc), &is); err != nil {
		return 0, 0, err
	}
	for _, a := range is.Accounts {
		for _, s := range a.Streams {
			records, bytes = records+s.State.Messages, bytes+s.State.Bytes
		}
	}
	return records, bytes, nil
}

func (c *cluster) stop() (err error) {
	for _, n := range c.nodes {
		err = errors.Join(err, n.stop())
	}
	return errors.Join(err, c.nats.Kill())
}
