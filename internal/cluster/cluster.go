package cluster

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// ErrNoOwner: nobody owns the part at the moment. It is worth trying again in a
// second.
var ErrNoOwner = errors.New("the part of the cluster that this belongs to is changing hands")

// Parts does what owning a part means.
type Parts interface {
	// Take begins to own a part, whose last owner has let go of it or is gone.
	// An error leaves it nobody's; it is tried again.
	Take(ctx context.Context, part int) error
	// Release ends to own a part, in order: the next owner waits for it to
	// return.
	Release(ctx context.Context, part int)
	// Lost tells that another member owns a part now, or will: this one could not
	// hand it over. Nothing of it may be written any more.
	Lost(part int)
}

// Config of a member. All but Replicas, Build and Pace are required.
type Config struct {
	Conn    *nats.Conn
	Name    string // of the cluster: a word that its subjects and buckets begin with
	Node    string // this machine's; stays over restarts
	Secrets [][]byte
	Parts   Parts
	// Wanted tells which parts have anything in them.
	Wanted   func(part int) bool
	Replicas int
	Build    string
	Log      *slog.Logger
	Pace     Pace
}

// Pace is how slowly parts come back to a member that has joined. What a fault has
// thrown over is as a rule up again after New, and is disturbed no more.
type Pace struct {
	New  time.Duration // for how long it is given nothing that others have; zero: 5 s
	Move time.Duration // from the end of one handing over to the next, of one owner; zero: 200 ms
}

// Cluster is this process as a member.
type Cluster struct {
	cfg     Config
	id      string
	kv      jetstream.KeyValue
	streams *streams
	links   *links
	tls     *tls.Config
	poked   chan struct{}
	pokes   *nats.Subscription
	anews   *nats.Subscription
	// standings are asking how members stand, and the answers.
	standings []*nats.Subscription

	renewing  sync.Mutex
	connected uint64 // how often anew, when that was looked at; under renewing

	mu       sync.Mutex
	roster   *roster
	revision uint64
	beats    map[string]beat // of the others
	until    time.Time       // the lease's end as this member believes it
	lapsed   bool            // the lease has ended once since the parts were looked at
	held     map[int]bool    // parts that were taken
	busy     map[int]bool    // being taken or released
	let      map[int]bool    // released, not yet written
	joined   time.Time       // when it was last not on the roster
	moved    time.Time       // when a part was last released
	changed  chan struct{}   // closed, and made anew, when any of this changes
	deaf     bool            // the server does not answer at all
	hearing  context.Context // ends when the member goes deaf
	deafen   context.CancelFunc
	standing standing
	leaving  bool
	work     sync.WaitGroup
	pulsing  sync.WaitGroup
}

type beat struct {
	count uint64
	seen  time.Time // when it was last another one
	dead  bool      // which was too long ago
}

// Join makes this process a member that owns nothing yet; Run does the rest.
func Join(ctx context.Context, cfg Config) (*Cluster, error) {
	cfg.Pace.New = cmp.Or(cfg.Pace.New, 5*time.Second)
	cfg.Pace.Move = cmp.Or(cfg.Pace.Move, 200*time.Millisecond)
	secured, err := memberTLS(cfg.Secrets)
	if err != nil {
		return nil, err
	}
	c := &Cluster{
		cfg: cfg, id: nuid.Next(), tls: secured, poked: make(chan struct{}, 1), roster: &roster{},
		beats: map[string]beat{}, held: map[int]bool{}, busy: map[int]bool{}, let: map[int]bool{}, changed: make(chan struct{}),
		standing: standing{answers: map[string]answer{}},
	}
	c.hearing, c.deafen = context.WithCancel(context.Background())
	c.streams = newStreams(cfg.Conn, c.id, cfg.Name+".s."+c.id+".")
	c.links = newLinks(c.connect)
	if err := c.openBucket(ctx); err != nil {
		return nil, err
	}
	c.pokes, err = cfg.Conn.Subscribe(cfg.Name+".poke", func(*nats.Msg) { c.wake() })
	if err != nil {
		return nil, err
	}
	c.connected = cfg.Conn.Stats().Reconnects
	c.anews, err = cfg.Conn.Subscribe(cfg.Name+".anew", func(m *nats.Msg) {
		if id := string(m.Data); id != c.id && id != "" {
			c.streams.lose(id)
		}
	})
	if err != nil {
		return nil, err
	}
	if err := c.hearStandings(); err != nil {
		return nil, err
	}
	return c, nil
}

// openBucket opens the bucket of members, and makes it where there is none. One
// that is open stays so where that fails.
func (c *Cluster) openBucket(ctx context.Context) error {
	kv, err := OpenBucket(ctx, c.cfg.Conn, BucketConfig{Name: c.cfg.Name + "-members", Replicas: c.cfg.Replicas})
	if err != nil {
		return err
	}
	c.kv = kv
	return nil
}

func (c *Cluster) wake() {
	select {
	case c.poked <- struct{}{}:
	default:
	}
}

// Listen returns where the other members dial this one for a service.
func (c *Cluster) Listen(service string) (net.Listener, error) {
	l, err := c.streams.listen(c.at(c.id, service))
	if err != nil {
		return nil, err
	}
	return listenLinks(l, c.tls), nil
}

func (c *Cluster) at(id, service string) string { return c.cfg.Name + ".m." + id + "." + service }

// Dial connects to a service of the member with an id. Connections to one service of
// a member share a link: they are cheap, and end together when it is lost.
func (c *Cluster) Dial(ctx context.Context, id, service string) (net.Conn, error) {
	return c.links.dial(ctx, serviceOf{id, service})
}

// connect makes what a link to a service of a member goes over.
func (c *Cluster) connect(ctx context.Context, to serviceOf) (net.Conn, error) {
	s, err := c.streams.dial(ctx, to.member, c.at(to.member, to.service))
	if err != nil {
		return nil, err
	}
	secured := tls.Client(s, c.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return secured, nil
}

// Owner returns who owns a part, and whether that is this member. A member that
// does not reach NATS goes on with the parts it has: local is true for them.
// Without an owner it waits for one as long as ctx allows, and returns
// [ErrNoOwner]; at once where this member hears nobody: another one knows more.
func (c *Cluster) Owner(ctx context.Context, part int) (id string, local bool, err error) {
	for {
		c.mu.Lock()
		id, changed := c.roster.Parts[part], c.changed
		ours, deaf := c.held[part] && !c.busy[part], c.deaf
		alive := c.alive(id)
		c.mu.Unlock()
		switch {
		case ours:
			return c.id, true, nil
		case deaf:
			return "", false, ErrNoOwner
		case id != "" && id != c.id && alive:
			return id, false, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", false, ErrNoOwner
		}
	}
}

// Owns tells whether this member owns a part for sure at this moment: what is
// written for it now cannot cross what another owner writes. It does so from
// before Take until Release has returned.
func (c *Cluster) Owns(part int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.roster.Parts[part] == c.id && !c.let[part] && !c.lapsed && time.Now().Before(c.until)
}

// Connected tells whether the others see this member.
func (c *Cluster) Connected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Before(c.until)
}

// Member is a member as others see it.
type Member struct {
	ID      string `json:"id"`
	Node    string `json:"node"`
	Build   string `json:"build,omitempty"`
	Leaving bool   `json:"leaving,omitempty"`
	Parts   int    `json:"parts"` // how many it owns
	Self    bool   `json:"self,omitempty"`
}

// Members returns who is there, by node.
func (c *Cluster) Members() []Member {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Member
	for id, m := range c.roster.Members {
		n := 0
		for _, owner := range c.roster.Parts {
			if owner == id {
				n++
			}
		}
		all = append(all, Member{id, m.Node, m.Build, m.Leaving, n, id == c.id})
	}
	slices.SortFunc(all, func(a, b Member) int { return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.ID, b.ID)) })
	return all
}

// alive tells whether a member is there, as far as this one knows. Under mu.
func (c *Cluster) alive(id string) bool {
	b, known := c.beats[id]
	return known && !b.dead || id == c.id
}

// Settled tells whether every part that has anything in it is where it has to
// be, as far as this member knows.
func (c *Cluster) Settled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for part := range Partitions {
		owner := c.roster.Parts[part]
		if c.cfg.Wanted(part) && (owner == "" || owner != c.roster.owner(part, c.alive)) || c.busy[part] {
			return false
		}
	}
	return true
}
