package daemon

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
)

// kept is how many files are kept for the daemon's own needs: the store, the
// log, connections to Smokeball and to the PBXs, the ops and the admin listener.
// Strangers who hold connections open must not keep it from those.
const kept = 512

// Why a connection is refused; metric labels.
const (
	doorFull    = "full"    // the listener has all that it may have
	doorAddress = "address" // one address has all that it may have
)

// doorman lets connections into a listener: so many, and of one address a
// quarter of them. One too many is closed at once, before it costs a handshake.
type doorman struct {
	net.Listener
	total, each int
	friends     []netip.Prefix // proxies, who speak for many
	refused     map[string]prometheus.Counter

	mu  sync.Mutex
	all int
	by  map[netip.Prefix]int
}

// newDoorman stands at the listener of that name, with a share of the process's
// files for its connections.
func newDoorman(l net.Listener, name string, share float64, friends []netip.Prefix, reg prometheus.Registerer) *doorman {
	total := max(int(share*float64(openFiles()-kept)), 64)
	d := &doorman{
		Listener: l, total: total, each: max(total/4, 16), friends: friends,
		refused: map[string]prometheus.Counter{}, by: map[netip.Prefix]int{},
	}
	for _, why := range []string{doorFull, doorAddress} {
		d.refused[why] = prometheus.NewCounter(prometheus.CounterOpts{
			Name: "smokepop_connections_refused_total", Help: "Connections that were closed at once, by why.",
			ConstLabels: prometheus.Labels{"listener": name, "reason": why},
		})
		reg.MustRegister(d.refused[why])
	}
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "smokepop_connections", Help: "Open connections.", ConstLabels: prometheus.Labels{"listener": name},
	}, func() float64 { return float64(d.connections()) }))
	return d
}

// openFiles is how many files this process may have open.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return int(min(limit.Cur, 1<<20))
}

// Accept returns the next connection there is room for.
func (d *doorman) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := d.subscriber(c.RemoteAddr())
		if why := d.enter(from); why != "" {
			d.refused[why].Inc()
			_ = c.Close()
			continue
		}
		return &guest{Conn: c, leave: sync.OnceFunc(func() { d.leave(from) })}, nil
	}
}

// subscriber is who has an address: of IPv6 a whole /64. The zero value is
// counted with nobody: proxies, this machine, and addresses that are none.
func (d *doorman) subscriber(addr net.Addr) netip.Prefix {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	a := tcp.AddrPort().Addr().Unmap().WithZone("")
	if a.IsLoopback() || slices.ContainsFunc(d.friends, func(p netip.Prefix) bool { return p.Contains(a) }) {
		return netip.Prefix{}
	}
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
}

// enter counts a connection in, or says why it may not.
func (d *doorman) enter(from netip.Prefix) (why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.all >= d.total:
		return doorFull
	case from.IsValid() && d.by[from] >= d.each:
		return doorAddress
	}
	d.all++
	if from.IsValid() {
		d.by[from]++
	}
	return ""
}

func (d *doorman) leave(from netip.Prefix) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all--
	if !from.IsValid() {
		return
	}
	if d.by[from]--; d.by[from] == 0 {
		delete(d.by, from)
	}
}

// connections is how many are in.
func (d *doorman) connections() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.all
}

// guest is a connection that was let in.
type guest struct {
	net.Conn
	leave func()
}

func (g *guest) Close() error {
	defer g.leave()
	return g.Conn.Close()
}
