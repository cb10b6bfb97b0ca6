package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/natsproc"
	"github.com/smokepop/smokepop/internal/process"
)

// demoServers is how many NATS servers a demo of several nodes has: enough that
// one may be away.
const demoServers = 3

// demoCluster is several smokepopd and the NATS servers between them, each a
// process that can be killed.
type demoCluster struct {
	out     io.Writer
	dir     string
	world   *demoWorld
	servers *natsproc.Cluster
	nodes   []*demoNode
}

// demoNode is one of the smokepopd.
type demoNode struct {
	*demoProgram
	name, file, address, ops string
	cfg                      *config.Config
	admin                    *adminClient
}

// runDemoCluster runs the demo with several nodes until ctx ends.
func runDemoCluster(ctx context.Context, out io.Writer, o demoOptions) (err error) {
	self, err := os.Executable()
	if err != nil {
		return failure{exitFailed, fmt.Errorf("find this program's own file, to start the nodes from: %w", err)}
	}
	nats, err := findNATS(self)
	if err != nil {
		return failure{exitFailed, err}
	}
	dir, err := os.MkdirTemp("", "smokepop-demo-")
	if err != nil {
		return failure{exitFailed, err}
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	agents, err := demoListen(ctx, o.listen)
	if err != nil {
		return failure{exitUsage, err}
	}
	defer agents.Close()
	firms, invited := o.firms()
	world, err := newDemoWorld(ctx, agents.Addr().String(), firms, nil)
	if err != nil {
		return failure{exitFailed, err}
	}
	defer world.close()
	c := &demoCluster{out: &wholeLines{out: out}, dir: dir, world: world}
	c.servers, err = natsproc.Start(ctx, natsproc.Config{Program: nats, Dir: dir, Servers: demoServers})
	switch {
	case err == nil:
		defer func() { err = errors.Join(err, c.servers.Kill()) }() // whatever runs still
	case ctx.Err() != nil:
		return nil
	default:
		return failure{exitFailed, err}
	}
	if err := c.prepare(self, o); err != nil {
		return failure{exitFailed, err}
	}
	if err := c.run(ctx, agents, o, invited); err != nil && !errors.Is(err, context.Canceled) {
		return failure{exitFailed, err}
	}
	return nil
}

// findNATS finds the NATS server's program: beside this one, where make puts
// both, or where the system has it.
func findNATS(self string) (string, error) {
	beside := filepath.Join(filepath.Dir(self), "nats-server")
	if path, err := exec.LookPath(beside); err == nil {
		return path, nil
	}
	if path, err := exec.LookPath("nats-server"); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("--nodes needs the program nats-server: in smokepop's sources `make demo NODES=3` builds it, else install it so that it is in PATH, or as %s", beside)
}

// prepare writes what every node is configured with.
func (c *demoCluster) prepare(self string, o demoOptions) error {
	var key string // of all nodes
	for i := range o.nodes {
		n := &demoNode{name: string(rune('a' + i))}
		dir := filepath.Join(c.dir, n.name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		var err error
		if n.address, err = process.FreeAddress(); err != nil {
			return err
		}
		if n.ops, err = process.FreeAddress(); err != nil {
			return err
		}
		n.file, err = c.world.writeConfig(dir, func(settings map[string]any) {
			c.world.settle(settings, dir, o)
			settings["listen"] = map[string]any{"agents": n.address, "pbx": n.address, "ops": n.ops}
			settings["cluster"] = map[string]any{"nats": map[string]any{"urls": c.servers.URLs()}, "node": n.name, "replicas": demoServers}
			settings["log"] = map[string]any{"level": "error", "format": "text"} // of one that is killed the others warn at length
			if i > 0 {
				settings["encryption_key_file"] = key
			}
			key = settings["encryption_key_file"].(string)
		})
		if err != nil {
			return err
		}
		if n.cfg, err = config.Load(n.file, nil); err != nil {
			return err
		}
		n.admin = newAdminClient(n.cfg.AdminSocket)
		program := process.Program{Name: "node " + n.name, Path: self, Args: []string{"serve", "--config", n.file}, Out: os.Stderr}
		n.demoProgram = &demoProgram{Program: &program, ready: func(ctx context.Context) bool {
			m, err := n.members(ctx, "")
			return err == nil && m.Settled && len(m.Members) == o.nodes
		}}
		c.nodes = append(c.nodes, n)
	}
	return nil
}

// run runs everything until ctx ends. The NATS servers and the front stop when
// the nodes have: a node hands over what it has, and says farewell to pages.
func (c *demoCluster) run(ctx context.Context, agents net.Listener, o demoOptions, invited []invitee) error {
	under, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	front := &demoFront{listener: agents}
	for _, n := range c.nodes {
		front.nodes = append(front.nodes, n.address)
	}
	var ground sync.WaitGroup
	stand := func(run func() error) {
		ground.Go(func() {
			if err := run(); err != nil {
				fail(err)
			}
		})
	}
	stand(func() error { return front.serve(under) })
	for _, s := range c.servers.Servers {
		server := &demoProgram{Program: &s.Program}
		server.once.Store(true)
		stand(func() error { return server.keep(under, c.out) })
	}
	err := c.runNodes(ctx, o, invited)
	end()
	ground.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

func (c *demoCluster) runNodes(ctx context.Context, o demoOptions, invited []invitee) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.world.serve(ctx) })
	group.Go(func() error { return c.world.runDials(ctx) })
	for _, n := range c.nodes {
		group.Go(func() error {
			if err := n.Start(); err != nil {
				return err
			}
			return n.keep(ctx, c.out)
		})
	}
	group.Go(func() error {
		for _, n := range c.nodes {
			if err := n.await(ctx); err != nil {
				return err
			}
		}
		first := c.nodes[0]
		if err := c.world.subscribe(ctx, first.cfg); err != nil {
			return err
		}
		if err := c.world.welcome(ctx, c.out, first.file, first.cfg.AdminSocket, first.cfg.Audit.File, first.ops, o, invited); err != nil {
			return err
		}
		c.legend()
		group.Go(func() error { return c.tellOwners(ctx) })
		return c.world.show(ctx, c.out, o)
	})
	return group.Wait()
}

// legend says what there is to kill, and what one sees then.
func (c *demoCluster) legend() {
	var b strings.Builder
	fmt.Fprintf(&b, "  %d nodes work as one, over %d NATS servers:\n\n", len(c.nodes), len(c.servers.Servers))
	for _, n := range c.nodes {
		fmt.Fprintf(&b, "    kill -9 %-8d %s, commands with --socket %s\n", n.PID(), n.Name, n.cfg.AdminSocket)
	}
	for _, s := range c.servers.Servers {
		fmt.Fprintf(&b, "    kill -9 %-8d %s\n", s.PID(), s.Program.Name)
	}
	fmt.Fprintf(&b, `
  Kill the node that has the firm and go on watching: two seconds later another has it. The page connects again
  by itself, under the same address; a call that was on is there again, and nobody has to pair anew. Of another
  node, or of one NATS server of three, the firm notices at most that a page connects again. What was killed is started
  again after %v.

`, demoRest)
	fmt.Fprint(c.out, b.String())
}

// tellOwners tells which node has each firm, now and whenever that changes.
func (c *demoCluster) tellOwners(ctx context.Context) error {
	told := map[string]string{}
	for {
		for _, f := range c.world.firms {
			if owner := c.owner(ctx, f.Domain); owner != "" && owner != told[f.Domain] {
				told[f.Domain] = owner
				fmt.Fprintf(c.out, "%s node %s has %s now\n", time.Now().Format(time.TimeOnly), owner, f.Name)
			}
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return nil
		}
	}
}

// owner is the node that has a tenant, "" where no node knows one.
func (c *demoCluster) owner(ctx context.Context, tenant string) string {
	for _, n := range c.nodes {
		if m, err := n.members(ctx, tenant); err == nil && m.Connected && m.Owner != "" {
			return m.Owner
		}
	}
	return ""
}

// clusterMembers is what a node answers who is asked for the cluster.
type clusterMembers struct {
	Members   []struct{ Node string }
	Connected bool
	Settled   bool
	Owner     string
}

func (n *demoNode) members(ctx context.Context, tenant string) (m clusterMembers, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	q := url.Values{}
	if tenant != "" {
		q.Set("tenant", tenant)
	}
	return m, n.admin.call(ctx, http.MethodGet, "/v1/members", q, nil, &m)
}

// wholeLines is for several who write at once.
type wholeLines struct {
	mu  sync.Mutex
	out io.Writer
}

func (w *wholeLines) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(b)
}
