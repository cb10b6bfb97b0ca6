package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/smokepop/smokepop/internal/config"
)

// stack is all of a daemon that one part of a cluster's tenants needs: what a
// daemon alone has for all tenants. A part that changes hands is a stack that
// stops here and starts there, as a daemon does that is restarted.
type stack struct {
	*parts
	registry *prometheus.Registry
	agents   http.Handler
	pbx      http.Handler
	admin    http.Handler

	cancel context.CancelFunc
	failed chan error // holds the outcome once everything has ended
	down   teardown

	mu       sync.Mutex
	stopping bool
	requests sync.WaitGroup // under way
	// ending ends the answers that have no end of their own: an admin's.
	ending context.Context
	end    context.CancelFunc
}

// newStack wires the parts of a configuration and starts them.
func (g *ground) newStack(ctx context.Context, cfg *config.Config, store storage, at string, fatal func(error)) (*stack, error) {
	s := &stack{registry: prometheus.NewRegistry(), failed: make(chan error, 1), down: teardown{log: g.log}}
	s.ending, s.end = context.WithCancel(context.Background())
	var err error
	if s.parts, err = g.wire(ctx, cfg, store, at, s.registry, &s.down); err != nil {
		return nil, errors.Join(err, s.down.run(ctx))
	}
	s.agents, s.pbx, s.admin = s.parts.web.Handler(), s.parts.receiver.Handler(), s.parts.web.Admin()
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	group, failing := errgroup.WithContext(work)
	runners := s.parts.tenantRunners()
	runners["follower"] = s.parts.follow
	for name, run := range runners {
		group.Go(func() error {
			if err := run(failing); err != nil && !errors.Is(err, context.Canceled) {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	go func() {
		err := group.Wait()
		s.failed <- err
		if err != nil {
			fatal(err)
		}
	}()
	return s, nil
}

// serve has a request answered for a service; false when the stack is on its way
// out.
func (s *stack) serve(w http.ResponseWriter, r *http.Request, service string) bool {
	s.mu.Lock()
	if s.stopping {
		s.mu.Unlock()
		return false
	}
	s.requests.Add(1)
	s.mu.Unlock()
	defer s.requests.Done()
	switch service {
	case serviceAgents:
		s.agents.ServeHTTP(w, r)
	case servicePBX:
		s.pbx.ServeHTTP(w, r)
	case serviceAdmin:
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(s.ending, cancel)()
		s.admin.ServeHTTP(w, r.WithContext(ctx))
	}
	return true
}

// refuse lets no request in any more, and ends those without an end.
func (s *stack) refuse() {
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	s.end()
	s.web.EndStreams() // an admin's page has some too
}

// stop ends the stack in the order of the way of a call, and seals the calls
// under way for whoever goes on. When it returns somebody may; the screens are
// closed by rest, which takes as long as a browser that does not answer.
func (s *stack) stop(ctx context.Context) (rest func(context.Context) error, err error) {
	s.refuse()
	s.requests.Wait() // each is bounded
	err = s.flow.Close(ctx)
	s.cancel()
	if err = errors.Join(err, <-s.failed); err == nil { // what a part that has failed knows of calls may be wrong
		err = s.carry(ctx)
	}
	return func(ctx context.Context) error { return errors.Join(s.hub.Close(ctx), s.down.run(ctx)) }, err
}

// drop ends the stack without a trace: somebody else goes on with it.
func (s *stack) drop(ctx context.Context) {
	s.refuse()
	s.cancel()
	_ = s.hub.Close(ctx)
	<-s.failed
	_ = s.down.run(ctx)
}
