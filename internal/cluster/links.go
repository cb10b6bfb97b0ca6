package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// linkTime is how long making a link may take.
const linkTime = helloTime + 2*time.Second

// links are what this member has made to others, one to each service of a member. A
// thousand pages that connect anew cost neither handshakes nor subscriptions.
type links struct {
	connect func(ctx context.Context, to serviceOf) (net.Conn, error)
	making  singleflight.Group

	mu   sync.Mutex
	open map[serviceOf]*link
}

// serviceOf is what a member is dialled for.
type serviceOf struct{ member, service string }

func newLinks(connect func(context.Context, serviceOf) (net.Conn, error)) *links {
	return &links{connect: connect, open: map[serviceOf]*link{}}
}

// dial returns a connection to a service of a member, over the link that there is
// or a new one. That the other side does not take it is known when it is used.
func (ls *links) dial(ctx context.Context, to serviceOf) (net.Conn, error) {
	for {
		l, made, err := ls.to(ctx, to)
		if err != nil {
			return nil, err
		}
		s, err := l.open()
		if err == nil {
			return s, nil
		}
		if made {
			return nil, fmt.Errorf("member %s: %w", to.member, err)
		}
		ls.forget(to, l) // it has ended just now
	}
}

// to returns the link to a service of a member; made tells whether it is new.
func (ls *links) to(ctx context.Context, to serviceOf) (l *link, made bool, err error) {
	if l = ls.there(to); l != nil {
		return l, false, nil
	}
	// Whoever gives up waiting leaves it to the others.
	making := ls.making.DoChan(to.member+" "+to.service, func() (any, error) { return ls.make(to) })
	select {
	case r := <-making:
		if r.Err != nil {
			return nil, true, r.Err
		}
		return r.Val.(*link), true, nil
	case <-ctx.Done():
		return nil, true, fmt.Errorf("member %s does not answer: %w", to.member, ctx.Err())
	}
}

func (ls *links) there(to serviceOf) *link {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.open[to]
}

func (ls *links) make(to serviceOf) (*link, error) {
	if l := ls.there(to); l != nil { // made between looking for it and coming here
		return l, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), linkTime)
	defer cancel()
	conn, err := ls.connect(ctx, to)
	if err != nil {
		return nil, err
	}
	l := newLink(conn, nil)
	ls.mu.Lock()
	ls.open[to] = l
	ls.mu.Unlock()
	go func() {
		l.run()
		ls.forget(to, l)
	}()
	return l, nil
}

func (ls *links) forget(to serviceOf, l *link) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.open[to] == l {
		delete(ls.open, to)
	}
}

// linkListener is a net.Listener of the connections that come over links.
type linkListener struct {
	net.Listener // of what links are made of
	secured      *tls.Config
	opened       chan net.Conn
	closed       chan struct{}
	close        func()
}

func listenLinks(l net.Listener, secured *tls.Config) net.Listener {
	ll := &linkListener{Listener: l, secured: secured, opened: make(chan net.Conn, waiting), closed: make(chan struct{})}
	ll.close = sync.OnceFunc(func() { close(ll.closed) })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				ll.close()
				return
			}
			go ll.serve(conn)
		}
	}()
	return ll
}

// serve carries what comes over one link.
func (ll *linkListener) serve(conn net.Conn) {
	secured := tls.Server(conn, ll.secured)
	ctx, cancel := context.WithTimeout(context.Background(), linkTime)
	err := secured.HandshakeContext(ctx)
	cancel()
	if err != nil {
		_ = conn.Close()
		return
	}
	newLink(secured, ll.take).run()
}

// take hands a connection to who accepts it, and refuses it where nobody does.
func (ll *linkListener) take(s *stream) {
	select {
	case ll.opened <- s:
	default:
		s.lost()
	}
	select {
	case <-ll.closed:
		ll.refuse()
	default:
	}
}

// refuse closes what nobody has accepted.
func (ll *linkListener) refuse() {
	for {
		select {
		case c := <-ll.opened:
			c.(*stream).lost()
		default:
			return
		}
	}
}

func (ll *linkListener) Accept() (net.Conn, error) {
	select {
	case c := <-ll.opened:
		return c, nil
	case <-ll.closed:
		return nil, net.ErrClosed
	}
}

// Close lets no connection in any more; those that there are go on.
func (ll *linkListener) Close() error {
	ll.close()
	ll.refuse()
	return ll.Listener.Close()
}
