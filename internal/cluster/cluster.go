package cluster

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

const (
	// beatEvery is how often a member shows that it is alive.
	beatEvery = 300 * time.Millisecond
	// leaseTime is how long the others believe it after its last sign. A member
	// itself stops believing it earlier, by leaseMargin, counted from before the
	// sign was sent: at no time do two members own one part.
	leaseTime   = 1500 * time.Millisecond
	leaseMargin = 300 * time.Millisecond
	// askTime bounds one exchange with the servers.
	askTime = time.Second
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
	// Lost tells that another member owns a part now, which this one could not
	// see. Nothing of it may be written any more.
	Lost(part int)
}

// Config of a member. All but Replicas, Build and Tenants are required.
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
}

// Cluster is this process as a member.
type Cluster struct {
	cfg     Config
	id      string
	kv      jetstream.KeyValue
	streams *streams
	tls     *tls.Config
	js      jetstream.JetStream
	poked   chan struct{}
	pokes   *nats.Subscription

	mu       sync.Mutex
	roster   *roster
	revision uint64
	beats    map[string]beat // of the others
	until    time.Time       // the lease's end as this member believes it
	lapsed   bool            // the lease has ended once since the parts were looked at
	held     map[int]bool    // parts that were taken
	busy     map[int]bool    // being taken or released
	let      map[int]bool    // released, not yet written
	changed  chan struct{}   // closed, and made anew, when any of this changes
	leaving  bool
	work     sync.WaitGroup
}

type beat struct {
	count uint64
	seen  time.Time
}

// Join makes this process a member that owns nothing yet; Run does the rest.
func Join(ctx context.Context, cfg Config) (*Cluster, error) {
	secured, err := memberTLS(cfg.Secrets)
	if err != nil {
		return nil, err
	}
	c := &Cluster{
		cfg: cfg, id: nuid.Next(), tls: secured, poked: make(chan struct{}, 1), roster: &roster{},
		beats: map[string]beat{}, held: map[int]bool{}, busy: map[int]bool{}, let: map[int]bool{}, changed: make(chan struct{}),
	}
	c.streams = newStreams(cfg.Conn, c.id, cfg.Name+".s."+c.id+".")
	js, err := jetstream.New(cfg.Conn)
	if err != nil {
		return nil, err
	}
	c.js = js
	bucket := c.bucket()
	if err := makeBucket(ctx, js, bucket, cfg.Replicas); err != nil {
		return nil, err
	}
	if c.kv, err = js.KeyValue(ctx, bucket); err != nil {
		return nil, fmt.Errorf("find the bucket of members: %w", err)
	}
	c.pokes, err = cfg.Conn.Subscribe(cfg.Name+".poke", func(*nats.Msg) { c.wake() })
	if err != nil {
		return nil, err
	}
	return c, nil
}

// makeBucket makes a key-value bucket that is read through its leader alone.
func makeBucket(ctx context.Context, js jetstream.JetStream, bucket string, replicas int) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := js.Stream(ctx, "KV_"+bucket)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = js.CreateStream(ctx, jetstream.StreamConfig{
			Name: "KV_" + bucket, Description: "smokepop: members", Subjects: []string{"$KV." + bucket + ".>"},
			MaxMsgsPerSubject: 1, Storage: jetstream.FileStorage, Replicas: max(1, replicas),
			Discard: jetstream.DiscardNew, DenyDelete: true, AllowRollup: true,
		})
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return nil // another member was faster
		}
	}
	if err != nil {
		return fmt.Errorf("make the bucket of members: %w", err)
	}
	return nil
}

func (c *Cluster) bucket() string { return c.cfg.Name + "-members" }

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
	return tls.NewListener(l, c.tls), nil
}

func (c *Cluster) at(id, service string) string { return c.cfg.Name + ".m." + id + "." + service }

// Dial connects to a service of the member with an id.
func (c *Cluster) Dial(ctx context.Context, id, service string) (net.Conn, error) {
	s, err := c.streams.dial(ctx, id, c.at(id, service))
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
// [ErrNoOwner].
func (c *Cluster) Owner(ctx context.Context, part int) (id string, local bool, err error) {
	for {
		c.mu.Lock()
		id, changed := c.roster.Parts[part], c.changed
		ours := c.held[part] && !c.busy[part]
		_, known := c.beats[id]
		c.mu.Unlock()
		switch {
		case ours:
			return c.id, true, nil
		case id != "" && id != c.id && known:
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
	slices.SortFunc(all, func(a, b Member) int {
		if a.Node != b.Node {
			return map[bool]int{true: -1, false: 1}[a.Node < b.Node]
		}
		return map[bool]int{true: -1, false: 1}[a.ID < b.ID]
	})
	return all
}

// Settled tells whether every part that has anything in it is where it has to
// be, as far as this member knows.
func (c *Cluster) Settled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	alive := func(id string) bool { _, known := c.beats[id]; return known || id == c.id }
	for part := range Partitions {
		owner := c.roster.Parts[part]
		if c.cfg.Wanted(part) && (owner == "" || owner != c.roster.owner(part, alive)) || c.busy[part] {
			return false
		}
	}
	return true
}

// Run takes part until ctx ends, then hands every part over and leaves. What it
// was to do at the end is bounded by the time of stop.
func (c *Cluster) Run(ctx context.Context, stop time.Duration) error {
	work := context.WithoutCancel(ctx)
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		c.turn(work)
		select {
		case <-tick.C:
		case <-c.poked:
		case <-ctx.Done():
		}
	}
	end := time.Now().Add(stop)
	c.mu.Lock()
	c.leaving = true
	c.mu.Unlock()
	for time.Now().Before(end) && c.holds() {
		c.turn(work)
		select {
		case <-tick.C:
		case <-c.poked:
		}
	}
	c.work.Wait()
	return c.leave(work)
}

func (c *Cluster) holds() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.held)+len(c.busy)+len(c.let) > 0
}

// turn shows that this member is alive, looks at the others and does what
// follows.
func (c *Cluster) turn(ctx context.Context) {
	if err := c.beat(ctx); err != nil {
		// The lease runs out by itself. Servers that have lost what they had get
		// it anew.
		if errors.Is(err, jetstream.ErrNoStreamResponse) {
			_ = makeBucket(ctx, c.js, c.bucket(), c.cfg.Replicas)
		}
		return
	}
	if err := c.look(ctx); err != nil {
		c.cfg.Log.Debug("cannot look at the members", "err", err)
		return
	}
	c.act(ctx)
}

// beat renews the lease.
func (c *Cluster) beat(ctx context.Context) error {
	began := time.Now()
	asked, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	_, err := c.kv.Put(asked, "beat."+c.id, nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().After(c.until) {
		if !c.lapsed && !c.until.IsZero() {
			c.cfg.Log.Warn("NATS does not answer: this node goes on with what it has and saves nothing", "err", err)
		}
		c.lapsed = true // somebody may have taken what is ours
	}
	if err == nil {
		c.until = began.Add(leaseTime - leaseMargin)
	}
	return err
}

// look reads the roster and the others' beats.
func (c *Cluster) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	r, revision, err := c.read(ctx)
	if err != nil {
		return err
	}
	counts := map[string]uint64{}
	for id := range r.Members {
		if id == c.id {
			continue
		}
		e, err := c.kv.Get(ctx, "beat."+id)
		switch {
		case err == nil:
			counts[id] = e.Revision()
		case !errors.Is(err, jetstream.ErrKeyNotFound):
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for id, count := range counts {
		if b, known := c.beats[id]; !known || b.count != count {
			c.beats[id] = beat{count, now}
		}
	}
	for id, b := range c.beats {
		if c.lapsed { // its own silence is no sign that the others were silent
			b.seen = now
			c.beats[id] = b
		}
		if _, there := r.Members[id]; !there || now.Sub(b.seen) > leaseTime {
			delete(c.beats, id)
			go c.streams.lose(id)
		}
	}
	c.roster, c.revision = r, revision
	c.tell()
	return nil
}

// tell wakes who waits for a change. Under mu.
func (c *Cluster) tell() {
	close(c.changed)
	c.changed = make(chan struct{})
}

const rosterKey = "roster"

func (c *Cluster) read(ctx context.Context) (*roster, uint64, error) {
	r := &roster{Members: map[string]member{}, Parts: map[int]string{}}
	e, err := c.kv.Get(ctx, rosterKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return r, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	if err := json.Unmarshal(e.Value(), r); err != nil {
		return nil, 0, fmt.Errorf("read the roster: %w", err)
	}
	if r.Members == nil {
		r.Members = map[string]member{}
	}
	if r.Parts == nil {
		r.Parts = map[int]string{}
	}
	return r, e.Revision(), nil
}

// act follows the roster: parts that another owns are lost, ours are taken, what
// has to move is released, and the roster is changed where that is ours to do.
func (c *Cluster) act(ctx context.Context) {
	c.mu.Lock()
	r := c.roster.clone()
	me, in := r.Members[c.id]
	self := member{Node: c.cfg.Node, Build: c.cfg.Build, Leaving: c.leaving}
	joined := in && me == self
	r.Members[c.id] = self
	alive := func(id string) bool { _, known := c.beats[id]; return known || id == c.id }
	claimed := false
	for part := range c.held {
		owner, owned := r.Parts[part]
		switch {
		case owner == c.id || c.busy[part] || c.let[part]:
		case owned:
			delete(c.held, part)
			c.work.Go(func() { c.cfg.Parts.Lost(part) })
		default: // NATS has forgotten it
			r.Parts[part], claimed = c.id, true
		}
	}
	c.lapsed = false
	for part, id := range r.Parts {
		if id != c.id || c.busy[part] || c.let[part] {
			continue
		}
		want := r.owner(part, alive)
		switch {
		case !c.held[part] && want == c.id:
			c.begin(part, c.take)
		case c.held[part] && want != c.id && (want != "" || c.leaving):
			c.begin(part, c.release)
		case !c.held[part]:
			c.let[part] = true // it never began
		}
	}
	let := maps.Clone(c.let)
	next := r.step(c.id, alive, func(part int) bool { return let[part] }, c.cfg.Wanted)
	if next == nil && (!joined || claimed) {
		next = r
	}
	revision := c.revision
	c.tell()
	c.mu.Unlock()
	if next == nil {
		return
	}
	if err := c.write(ctx, next, revision); err != nil {
		return // somebody was faster: the next turn sees it
	}
	c.mu.Lock()
	for part := range let {
		delete(c.let, part)
	}
	c.mu.Unlock()
	for id := range r.Members {
		if _, stays := next.Members[id]; !stays {
			_ = c.kv.Purge(ctx, "beat."+id)
		}
	}
	_ = c.cfg.Conn.Publish(c.cfg.Name+".poke", nil) // the others look at it sooner
	c.wake()
}

func (c *Cluster) write(ctx context.Context, r *roster, revision uint64) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if revision == 0 {
		_, err = c.kv.Create(ctx, rosterKey, b)
	} else {
		_, err = c.kv.Update(ctx, rosterKey, b, revision)
	}
	return err
}

// begin has a part taken or released on the side. Under mu.
func (c *Cluster) begin(part int, do func(context.Context, int)) {
	c.busy[part] = true
	c.work.Go(func() {
		do(context.Background(), part)
		c.wake()
	})
}

func (c *Cluster) take(ctx context.Context, part int) {
	err := c.cfg.Parts.Take(ctx, part)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, part)
	if err != nil {
		c.cfg.Log.Error("a part of the cluster cannot be taken over; trying again", "part", part, "err", err)
		c.let[part] = true
		return
	}
	c.held[part] = true
	c.tell()
}

func (c *Cluster) release(ctx context.Context, part int) {
	c.cfg.Parts.Release(ctx, part)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, part)
	delete(c.held, part)
	c.let[part] = true
}

// leave takes this member off the roster.
func (c *Cluster) leave(ctx context.Context) error {
	_ = c.pokes.Unsubscribe()
	defer c.streams.lose("")
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		r, revision, err := c.read(ctx)
		if err != nil {
			return fmt.Errorf("leave the cluster: %w", err)
		}
		delete(r.Members, c.id)
		for part, id := range r.Parts {
			if id == c.id {
				delete(r.Parts, part)
			}
		}
		if c.write(ctx, r, revision) == nil {
			_ = c.kv.Purge(ctx, "beat."+c.id)
			_ = c.cfg.Conn.Publish(c.cfg.Name+".poke", nil)
			return nil
		}
	}
	return nil
}
