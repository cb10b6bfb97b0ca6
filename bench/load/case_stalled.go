package main

import (
	"errors"
	"net"
	"net/http"
	"syscall"

	"github.com/gorilla/websocket"
)

// stalled sends half of a load at screens that stand still, one in a hundred.
// Those that read must not notice. The baseline is not in it: its connections
// to the PBX all stand still with the first few of such readers.
func stalled(b *bench) (rows []row, err error) {
	screens := b.size(1000, 100)
	s, err := b.smokepop()
	if err != nil {
		return nil, err
	}
	reading := screens - screens/100
	ours, err := b.openLine(s, reading, connections)
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	defer func() { err = errors.Join(err, ours.whole(), b.dismiss(ours)) }()
	if _, err := ours.measure(b.warm(reading)); err != nil {
		return nil, err
	}
	defer b.profile()()
	var with, without figures
	for range b.few(5) {
		l := load{
			rate: 2000, calls: b.size(4000, 200), caller: b.knownCaller, screens: 1,
			agents: func(n int) []int {
				if n%2 == 0 {
					return []int{n / 2 % reading}
				}
				return []int{reading + n/2%(screens-reading)}
			},
			uncounted: func(n int) bool { return n%2 == 1 },
		}
		still, err := s.standStill(reading, screens)
		if err != nil {
			return nil, err
		}
		sample, err := ours.measure(l)
		for _, conn := range still {
			_ = conn.Close()
		}
		if err != nil {
			return nil, err
		}
		with.add(sample)
		// The same with nobody behind the other half.
		if sample, err = ours.measure(l); err != nil {
			return nil, err
		}
		without.add(sample)
	}
	const name = "1,000 events/s to 990 screens, as many to 10 that do not read"
	return []row{
		compareOwn(name, "pop to a screen that reads, beside those and without, p50", "ms", with.p50, without.p50, nil),
		compareOwn(name, "pop to a screen that reads, beside those and without, p99", "ms", with.p99, without.p99, nil),
	}, nil
}

// standStill opens screens that never read, of the agents from first up to last,
// with as little room as the kernel allows.
func (s *smokepop) standStill(first, last int) (conns []*websocket.Conn, err error) {
	for i := first; i < last; i++ {
		d := websocket.Dialer{
			HandshakeTimeout: patience, Subprotocols: []string{"smokepop.v1"},
			NetDialContext: (&net.Dialer{LocalAddr: from(i).LocalAddr, Control: func(_, _ string, c syscall.RawConn) error {
				return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
			}}).DialContext,
		}
		conn, _, err := d.Dial("ws://"+s.office.host+"/ws", http.Header{"Origin": {s.office.public()}, "Cookie": {s.office.cookies[i]}})
		if err != nil {
			return conns, err
		}
		conns = append(conns, conn)
	}
	return conns, nil
}
