package natsproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/smokepop/smokepop/internal/process"
)

// Config of a cluster. All but Conf is required.
type Config struct {
	Program string // the nats-server
	Dir     string // of configurations, data and logs; nothing is written elsewhere
	Servers int    // 1, or an odd number
	// Conf makes a server's configuration; nil: one with JetStream and without any
	// security. It has to use the addresses and the store that it is given.
	Conf func(Place) string
}

// Place is what belongs to one server. Addresses are of the loopback, with a port.
type Place struct {
	Name    string // n1, n2 and so on
	Client  string // where clients connect
	Cluster string // where the other servers connect
	Monitor string // where its health is told, by plain HTTP
	Routes  []string
	Store   string // the directory of JetStream
}

// Server is one of a cluster.
type Server struct {
	process.Program
	Place
}

// URL is where clients connect.
func (s *Server) URL() string { return "nats://" + s.Client }

// Cluster is servers that know each other. They keep their addresses and data
// when they are started again.
type Cluster struct {
	Servers []*Server
}

// Start starts the servers and waits until JetStream takes writes, as [Cluster.Ready].
// Whoever calls it calls Kill at the end, also after an error of ctx.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	if cfg.Conf == nil {
		cfg.Conf = plain
	}
	c := &Cluster{}
	var routes []string
	for i := range cfg.Servers {
		s := &Server{Place: Place{Name: fmt.Sprint("n", i+1)}}
		for _, at := range []*string{&s.Client, &s.Cluster, &s.Monitor} {
			var err error
			if *at, err = process.FreeAddress(); err != nil {
				return nil, err
			}
		}
		s.Store = filepath.Join(cfg.Dir, s.Place.Name)
		routes = append(routes, "nats://"+s.Cluster)
		c.Servers = append(c.Servers, s)
	}
	for _, s := range c.Servers {
		s.Routes = routes
		file := s.Store + ".conf"
		if err := os.WriteFile(file, []byte(cfg.Conf(s.Place)), 0o600); err != nil {
			return nil, err
		}
		s.Program = process.Program{Name: "nats-server " + s.Place.Name, Path: cfg.Program, Args: []string{"-c", file}, Log: s.Store + ".log"}
		if err := s.Program.Start(); err != nil {
			return nil, errors.Join(err, c.Kill())
		}
	}
	if err := c.ready(ctx, c.Servers); err != nil {
		return nil, errors.Join(err, c.Kill())
	}
	return c, nil
}

// plain is a configuration for a machine where everybody is trusted.
func plain(p Place) string {
	clustered := ""
	if len(p.Routes) > 1 {
		clustered = fmt.Sprintf("cluster { name: loopback, listen: %q, routes: [%s] }\n", p.Cluster, strings.Join(p.Routes, ", "))
	}
	return fmt.Sprintf("server_name: %s\nlisten: %q\nhttp: %q\njetstream { store_dir: %q }\n%s", p.Name, p.Client, p.Monitor, p.Store, clustered)
}

// URLs are where clients connect.
func (c *Cluster) URLs() []string {
	var all []string
	for _, s := range c.Servers {
		all = append(all, s.URL())
	}
	return all
}

// each does something with every server at once.
func (c *Cluster) each(do func(*Server) error) error {
	errs := make([]error, len(c.Servers))
	var all sync.WaitGroup
	for i, s := range c.Servers {
		all.Go(func() { errs[i] = do(s) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// Stop stops the servers in order.
func (c *Cluster) Stop() error { return c.each(func(s *Server) error { return s.Program.Stop() }) }

// Kill ends the servers without a word to them.
func (c *Cluster) Kill() error { return c.each(func(s *Server) error { return s.Program.Kill() }) }
