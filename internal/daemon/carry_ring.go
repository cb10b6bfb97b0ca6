package daemon

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/pbxevents"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/vault"
)

// A ring is where a node of a cluster keeps the calls under way of a part, for the
// case that it goes without a word. It is records, each with the things that have
// moved since the one before. The oldest is written over, and what is live in it
// goes into the new one: so nothing is written again without need, what is over
// leaves by itself, and of a thing nothing older is ever left than its newest.
//
// Each owner has a ring of its own, below the name of its term. The record "term"
// says whose counts, and is changed by compare-and-set once a new ring has all that
// the one before had: what an owner writes that has been succeeded is read by nobody.

const (
	ringTerm   = "term"
	ringPrefix = "ring/"
	ringForm   = 1
	// ringRecord is how much goes into one record, before it is packed.
	ringRecord = 256 << 10
	// ringLeast and ringMost bound the records of a ring whose things find room; in
	// between there is one for each ringShare things.
	ringLeast, ringMost, ringShare = 8, 128, 8
	// ringReaders is how many records are read, or deleted, at once.
	ringReaders = 16
	// ringLate is longer than any write is on its way.
	ringLate = 10 * time.Second
)

// ringStore is the vault as a ring is kept in it.
type ringStore interface {
	carriedStore
	CompareAndSet(ctx context.Context, path string, value []byte, revision uint64) (uint64, error)
}

// thing is what is carried by itself: one of the two.
type thing struct {
	Piece *pbxevents.Piece      `json:"piece,omitempty"`
	Leg   *screenpop.CarriedLeg `json:"leg,omitempty"`
}

// ringThing is a thing in a record, or that it is gone.
type ringThing struct {
	Key string `json:"key"`
	// Age is how long before its record the thing was as it is told.
	Age  time.Duration `json:"age"`
	Gone bool          `json:"gone,omitempty"`
	thing
}

// ringed is a version of a thing.
type ringed struct {
	key   string
	value []byte    // a thing; nil: it is gone
	at    time.Time // when it was like that
	until time.Time // when it is of no use any more; zero: it is live
	// stored: the store may have this version; older: or one before it.
	stored, older bool
}

// ringRecordHead is how a record begins; its things follow.
type ringRecordHead struct {
	Form  int         `json:"form"`
	Seq   uint64      `json:"seq"`
	Taken moment      `json:"taken"`
	All   []ringThing `json:"all"`
}

// slot is a place of a ring.
type slot struct {
	n   int
	all []*ringed // what was written there
}

// ring is one goroutine's.
type ring struct {
	store   ringStore
	at      string // the prefix of all that is carried for the part
	term    string
	before  string // the term that the store says counts; empty: there is none
	version uint64 // the revision of the record that does
	foreign bool   // there may be records of others
	// late is when the ring was opened, until it was looked a second time for records
	// of others: a write may have been on its way.
	late time.Time

	newest map[string]*ringed // of each thing
	dirty  []*ringed          // not written yet; those that are not the newest are passed over
	slots  []*slot            // in use, the oldest first
	free   []int
	made   int
	doubt  *slot // where the last record may have been written, or not
	seq    uint64
	packer *gzip.Writer
	now    func() moment
}

// openRing returns the ring of a new owner, and the calls that the owner before has
// left; nil: none. left says why they could not be read.
func openRing(ctx context.Context, store ringStore, at string, now func() moment) (r *ring, c *carried, left, err error) {
	packer, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		return nil, nil, nil, err
	}
	r = &ring{store: store, at: at, term: strings.ToLower(rand.Text()), newest: map[string]*ringed{}, packer: packer, now: now, late: time.Now()}
	paths, err := store.List(ctx, at)
	if err != nil {
		return nil, nil, nil, err
	}
	term, version, err := store.Get(ctx, at+ringTerm)
	if err != nil {
		return nil, nil, nil, err
	}
	r.before, r.version = string(term), version
	c, there, left := readLeft(ctx, store, at, r.before, paths)
	if errors.Is(left, vault.ErrAway) { // it would be taken for what is there
		return nil, nil, nil, left
	}
	r.foreign = there || slices.ContainsFunc(paths, func(p string) bool { return p != at+ringTerm })
	return r, c, left, nil
}

// put takes in what has become of a thing. It is written with the next record.
func (r *ring) put(key string, t thing, at, until time.Time) error {
	b, err := json.Marshal(t)
	if err != nil {
		return err
	}
	r.add(&ringed{key: key, value: b, at: at, until: until})
	return nil
}

// gone takes in that a thing is not there any more.
func (r *ring) gone(key string, at time.Time) {
	if r.newest[key] != nil { // else nobody was told of it
		r.add(&ringed{key: key, at: at})
	}
}

// keep ends the things of all tenants but some. The second word of a key is its
// tenant.
func (r *ring) keep(tenants []screenpop.Tenant, at time.Time) {
	for key, one := range r.newest {
		_, of, _ := strings.Cut(key, "/")
		of, _, _ = strings.Cut(of, "/")
		if one.value != nil && !slices.Contains(tenants, screenpop.Tenant(of)) {
			r.gone(key, at)
		}
	}
}

func (r *ring) add(one *ringed) {
	if was := r.newest[one.key]; was != nil {
		one.older = was.stored || was.older
	}
	r.newest[one.key] = one
	r.dirty = append(r.dirty, one)
}

// useful tells whether a version of a thing has to stay in the store.
func (r *ring) useful(one *ringed, now time.Time) bool {
	return r.newest[one.key] == one && one.value != nil && (one.until.IsZero() || !now.After(one.until))
}

// unused tells whether nothing was ever written, and nobody has left anything.
func (r *ring) unused() bool { return !r.foreign && r.doubt == nil && len(r.slots) == 0 }

// empty tells whether nothing useful is there.
func (r *ring) empty() bool {
	now := r.now().Wall
	for _, one := range r.newest {
		if r.useful(one, now) {
			return false
		}
	}
	return true
}

// flush writes what has moved.
func (r *ring) flush(ctx context.Context) error {
	for r.forget(r.now().Wall); len(r.dirty) > 0 || r.doubt != nil; r.forget(r.now().Wall) {
		if err := r.turn(ctx); err != nil {
			return err
		}
	}
	return r.claim(ctx)
}

// turn writes one record: of what has moved as much as finds room, and what is
// useful of the record that it is written over. It writes one also when nothing has
// moved, so that the next owner knows that what is there is still so.
func (r *ring) turn(ctx context.Context) error {
	now := r.now()
	size, some := 0, 0
	for some < len(r.dirty) && (some == 0 || size+len(r.dirty[some].value) <= ringRecord) {
		size += len(r.dirty[some].value)
		some++
	}
	fresh := r.dirty[:some]
	to, stay := r.place(now.Wall, some < len(r.dirty))
	all := append(slices.Clone(fresh), stay...)
	packed, err := r.pack(ringRecordHead{Form: ringForm, Seq: r.seq + 1, Taken: now}, all)
	if err != nil {
		return err
	}
	// Also where the store does not say whether it was written. Then the same place
	// is written again: nothing is ever left where nobody knows of it.
	r.seq, r.doubt = r.seq+1, to
	for _, one := range fresh {
		one.stored = true
	}
	if err := r.store.Put(ctx, r.path(to.n), packed); err != nil {
		return err
	}
	r.doubt = nil
	switch {
	case r.oldest() == to:
		for _, one := range to.all {
			if r.newest[one.key] == one && !r.useful(one, now.Wall) {
				delete(r.newest, one.key)
			}
		}
		r.slots = r.slots[1:]
	case to.n == r.made:
		r.made++
	default:
		r.free = slices.DeleteFunc(r.free, func(n int) bool { return n == to.n })
	}
	to.all = all
	r.slots = append(r.slots, to)
	r.dirty = slices.Delete(r.dirty, 0, some)
	return r.shrink(ctx)
}

// forget leaves aside what has moved and need not be written: what has moved again,
// and what was over before the store heard of it.
func (r *ring) forget(now time.Time) {
	r.dirty = slices.DeleteFunc(r.dirty, func(one *ringed) bool {
		switch {
		case r.newest[one.key] != one:
			return true
		case r.useful(one, now) || one.stored || one.older:
			return false
		}
		delete(r.newest, one.key)
		return true
	})
}

// place returns where the next record is written, and what has to stay of the one
// that is there.
func (r *ring) place(now time.Time, more bool) (to *slot, stay []*ringed) {
	oldest, size := r.oldest(), 0
	if oldest != nil {
		for _, one := range oldest.all {
			if r.useful(one, now) {
				stay = append(stay, one)
				size += len(one.value)
			}
		}
	}
	switch {
	case r.doubt != nil && r.doubt != oldest:
		return r.doubt, nil
	case r.doubt != nil:
		return oldest, stay
	// While more waits nothing is written over: what waits may be newer than what is there.
	case len(r.slots) >= r.want() && !more && size <= ringRecord/2:
		return oldest, stay
	case len(r.free) > 0:
		return &slot{n: slices.Min(r.free)}, nil // where the next owner looks, listed or not
	}
	return &slot{n: r.made}, nil
}

func (r *ring) oldest() *slot {
	if len(r.slots) == 0 {
		return nil
	}
	return r.slots[0]
}

// want is how many records the ring has room in.
func (r *ring) want() int { return min(max(ringLeast, len(r.newest)/ringShare), ringMost) }

// shrink takes an old record with nothing useful in it away when the ring has far
// more than it needs.
func (r *ring) shrink(ctx context.Context) error {
	if len(r.slots) <= 2*r.want() {
		return nil
	}
	now := r.now().Wall
	if slices.ContainsFunc(r.slots[0].all, func(one *ringed) bool { return r.useful(one, now) }) {
		return nil // it is written over when its turn comes
	}
	return r.drop(ctx)
}

// drop deletes the oldest record.
func (r *ring) drop(ctx context.Context) error {
	oldest := r.slots[0]
	if _, err := r.store.Delete(ctx, r.path(oldest.n), 0); err != nil {
		return err
	}
	for _, one := range oldest.all {
		if r.newest[one.key] == one {
			delete(r.newest, one.key)
		}
	}
	r.slots, r.free = r.slots[1:], append(r.free, oldest.n)
	return nil
}

// clear deletes every record, the oldest first.
func (r *ring) clear(ctx context.Context) error {
	for len(r.slots) > 0 {
		if err := r.drop(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *ring) path(n int) string { return ringPath(r.at+ringPrefix+r.term+"/", n) }

func ringPath(prefix string, n int) string { return fmt.Sprintf("%s%04d", prefix, n) }

// pack writes a record.
func (r *ring) pack(head ringRecordHead, all []*ringed) ([]byte, error) {
	taken, err := json.Marshal(head.Taken)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	r.packer.Reset(&packed)
	var line bytes.Buffer
	fmt.Fprintf(&line, `{"form":%d,"seq":%d,"taken":%s,"all":[`, head.Form, head.Seq, taken)
	for i, one := range all {
		key, err := json.Marshal(one.key)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			line.WriteByte(',')
		}
		fmt.Fprintf(&line, `{"key":%s,"age":%d,`, key, max(0, head.Taken.Wall.Sub(one.at)))
		if one.value == nil {
			line.WriteString(`"gone":true}`)
		} else {
			line.Write(one.value[1:]) // an object with something in it
		}
		if _, err := line.WriteTo(r.packer); err != nil {
			return nil, err
		}
	}
	line.WriteString("]}")
	if _, err := line.WriteTo(r.packer); err != nil {
		return nil, err
	}
	if err := r.packer.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}
