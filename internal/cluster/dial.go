package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

// waiting is how many dialled streams wait for Accept.
const waiting = 1024

// helloTime is how long a member may take to answer who dials it.
const helloTime = 2 * time.Second

// listenTime is how long the servers may take to know of a listener, which a member
// has one of for each service, from its start: machines that start all at once are
// slow.
const listenTime = 10 * time.Second

// streams are the connections of a member, in both directions.
type streams struct {
	nc     *nats.Conn
	me     string // the member that dials
	prefix string // of the subjects that streams hear

	mu   sync.Mutex
	open map[*stream]string // and whom it leads to
}

func newStreams(nc *nats.Conn, me, prefix string) *streams {
	return &streams{nc: nc, me: me, prefix: prefix, open: map[*stream]string{}}
}

// add opens this side of a stream to a member.
func (ss *streams) add(member, peer string) (*stream, error) {
	s := newStream(ss.prefix+nuid.Next(), peer)
	forget := func() {
		ss.mu.Lock()
		defer ss.mu.Unlock()
		delete(ss.open, s)
	}
	s.over = forget
	ss.mu.Lock()
	ss.open[s] = member
	ss.mu.Unlock()
	if err := s.open(ss.nc); err != nil {
		forget()
		return nil, err
	}
	return s, nil
}

// lose breaks every stream to a member off, to all of them for "".
func (ss *streams) lose(member string) {
	ss.mu.Lock()
	var theirs []*stream
	for s, m := range ss.open {
		if m == member || member == "" {
			theirs = append(theirs, s)
		}
	}
	ss.mu.Unlock()
	for _, s := range theirs {
		s.lost()
	}
}

// dial connects to a member that listens at a subject.
func (ss *streams) dial(ctx context.Context, member, at string) (net.Conn, error) {
	s, err := ss.add(member, "")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, helloTime)
	defer cancel()
	stop := context.AfterFunc(ctx, s.change.Broadcast)
	defer stop()
	if err := ss.nc.PublishMsg(&nats.Msg{Subject: at, Reply: s.name, Data: []byte(ss.me)}); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.mu.Lock()
	for s.peer == "" && s.err == nil && ctx.Err() == nil {
		s.change.Wait()
	}
	peer, err := s.peer, s.err
	s.mu.Unlock()
	switch {
	case err != nil:
		return nil, err
	case peer == "":
		return nil, errors.Join(fmt.Errorf("member %s does not answer: %w", member, ctx.Err()), s.Close())
	}
	return s, nil
}

// listener is a net.Listener of the streams that are dialled at a subject.
type listener struct {
	at      string
	sub     *nats.Subscription
	dialled chan net.Conn
	closed  chan struct{}
	close   func()
}

func (ss *streams) listen(at string) (net.Listener, error) {
	l := &listener{at: at, dialled: make(chan net.Conn, waiting), closed: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.closed) })
	var err error
	l.sub, err = ss.nc.Subscribe(at, func(m *nats.Msg) {
		if m.Reply == "" || len(l.dialled) == cap(l.dialled) {
			return // who dials waits in vain, and tries again
		}
		s, err := ss.add(string(m.Data), m.Reply)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.say(kindHello, 0, nil)
		s.mu.Unlock()
		l.dialled <- s
	})
	if err == nil {
		err = ss.nc.FlushTimeout(listenTime) // whoever dials from now on is heard
	}
	return l, err
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.dialled:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.close()
	err := l.sub.Unsubscribe()
	for {
		select {
		case c := <-l.dialled:
			_ = c.Close()
		default:
			if errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrBadSubscription) {
				return nil
			}
			return err
		}
	}
}

func (l *listener) Addr() net.Addr { return subject(l.at) }
