package daemon

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// street is a listener that people come to from the addresses given.
type street struct {
	comers []net.Conn
	closed int
}

type comer struct {
	net.Conn
	street *street
	from   net.Addr
}

func (c comer) RemoteAddr() net.Addr { return c.from }
func (c comer) Close() error         { c.street.closed++; return nil }

func (s *street) come(address string) {
	s.comers = append(s.comers, comer{street: s, from: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(address), 40000))})
}

func (s *street) Accept() (net.Conn, error) {
	if len(s.comers) == 0 {
		return nil, errors.New("nobody comes any more")
	}
	c := s.comers[0]
	s.comers = s.comers[1:]
	return c, nil
}
func (*street) Close() error   { return nil }
func (*street) Addr() net.Addr { return &net.TCPAddr{} }

// all lets everybody in who may.
func (d *doorman) everybody() (in []net.Conn) {
	for {
		c, err := d.Accept()
		if err != nil {
			return in
		}
		in = append(in, c)
	}
}

func door(s *street, friends ...netip.Prefix) *doorman {
	d := newDoorman(s, "agents", 1, friends, prometheus.NewRegistry())
	d.total, d.each = 8, 3
	return d
}

func TestDoormanBoundsAnAddress(t *testing.T) {
	s := &street{}
	for range 5 {
		s.come("203.0.113.7")
	}
	s.come("::ffff:203.0.113.7") // the same, written otherwise
	s.come("203.0.113.8")
	for i := range 5 {
		s.come(fmt.Sprintf("2001:db8::%d", i+1)) // of one subscriber
	}
	s.come("2001:db8:0:1::1")
	d := door(s)
	in := d.everybody()
	if len(in) != 3+1+3+1 || s.closed != 5 {
		t.Errorf("%d are in, %d were closed", len(in), s.closed)
	}
	if n := testutil.ToFloat64(d.refused[doorAddress]); n != 5 {
		t.Errorf("%v refused", n)
	}
	// Who leaves makes room, once.
	_ = in[0].Close()
	_ = in[0].Close()
	s.come("203.0.113.7")
	s.come("203.0.113.7")
	if again := d.everybody(); len(again) != 1 {
		t.Errorf("%d came in for one who left", len(again))
	}
}

func TestDoormanBoundsEverybody(t *testing.T) {
	s := &street{}
	for i := range 10 {
		s.come(fmt.Sprintf("203.0.113.%d", i))
	}
	d := door(s)
	in := d.everybody()
	if len(in) != 8 || d.connections() != 8 || testutil.ToFloat64(d.refused[doorFull]) != 2 {
		t.Errorf("%d are in, %v refused", len(in), testutil.ToFloat64(d.refused[doorFull]))
	}
	for _, c := range in {
		_ = c.Close()
	}
	if d.connections() != 0 || len(d.by) != 0 {
		t.Errorf("%d are counted, %v remembered", d.connections(), d.by)
	}
}

// A proxy speaks for a whole firm, and this machine for itself.
func TestDoormanKnowsFriends(t *testing.T) {
	s := &street{}
	for range 4 {
		s.come("10.0.0.9")
		s.come("127.0.0.1")
	}
	if in := door(s, netip.MustParsePrefix("10.0.0.0/8")).everybody(); len(in) != 8 {
		t.Errorf("%d are in", len(in))
	}
}

func TestDoormanLeavesFilesForOurselves(t *testing.T) {
	d := newDoorman(&street{}, "agents", 1, nil, prometheus.NewRegistry())
	if limit := openFiles(); d.total > limit-kept && d.total > 64 {
		t.Errorf("%d connections of %d files", d.total, limit)
	}
}
