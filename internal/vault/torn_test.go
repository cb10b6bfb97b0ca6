package vault

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// torn is a real database of several page levels and all that may come out of
// it.
type torn struct {
	dir, path string
	ring      KeyRing
	whole     []byte
	used      int // bytes up to the last page in use
	paths     []string
}

func newTorn(t *testing.T) *torn {
	t.Helper()
	d := &torn{}
	for i := range 250 {
		d.paths = append(d.paths, fmt.Sprintf("tokens/firm.example/%03d", i))
	}
	slices.Sort(d.paths)
	d.dir, d.ring = storeWith(t, d.paths...)
	d.path = filepath.Join(d.dir, FileName)
	var err error
	if d.whole, err = os.ReadFile(d.path); err != nil {
		t.Fatal(err)
	}
	d.used = highWater(t, d.path)
	return d
}

// opens writes file in the database's place and opens it. What opens has to be
// exactly the right data; what does not, says what is wrong.
func (d *torn) opens(t *testing.T, what string, file []byte) bool {
	t.Helper()
	if err := os.WriteFile(d.path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return d.opensAsItIs(t, what, file)
}

// opensAsItIs is opens for a file that lies in the database's place already.
func (d *torn) opensAsItIs(t *testing.T, what string, file []byte) bool {
	t.Helper()
	s, err := Open(t.Context(), d.dir, d.ring, Options{})
	if err != nil {
		if !refused(err) {
			t.Errorf("%s: no typed error: %v", what, err)
		}
		is, err := os.ReadFile(d.path)
		if err != nil || !bytes.Equal(is, file) {
			t.Errorf("%s: the refusal has changed the file: %v", what, err)
		}
		return false
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("%s: close: %v", what, err)
		}
	}()
	paths, err := s.List(t.Context(), "")
	if err != nil || !slices.Equal(paths, d.paths) {
		t.Errorf("%s: %d records of %d: %v", what, len(paths), len(d.paths), err)
	}
	for i, p := range d.paths {
		v, rev, err := s.Get(t.Context(), p)
		if string(v) != p || rev == 0 || err != nil {
			t.Errorf("%s: record %d: %q %d %v", what, i, v, rev, err)
		}
	}
	next, err := s.CompareAndSet(t.Context(), "tokens/firm.example/new", nil, 0)
	if last := d.lastRevision(); err != nil || next <= last {
		t.Errorf("%s: the next revision is %d after %d: %v", what, next, last, err)
	}
	return true
}

// lastRevision is the canary's and one for each record.
func (d *torn) lastRevision() uint64 { return uint64(1 + len(d.paths)) }

func TestTruncatedAnywhere(t *testing.T) {
	d := newTorn(t)
	lengths := map[int]bool{}
	for i := range 512 {
		lengths[i*len(d.whole)/512] = true
	}
	page := os.Getpagesize()
	for n := d.used - page; n < d.used; n++ { // the last page that is in use
		lengths[n] = true
		if n%8 == 0 {
			lengths[n-page] = true
		}
	}
	// From the longest on: a refused file is what it was, and is cut further.
	refused := false
	for _, n := range slices.Backward(slices.Sorted(maps.Keys(lengths))) {
		what, opened := fmt.Sprintf("%d bytes of %d", n, len(d.whole)), false
		if refused {
			if err := os.Truncate(d.path, int64(n)); err != nil {
				t.Fatal(err)
			}
			opened = d.opensAsItIs(t, what, d.whole[:n])
		} else {
			opened = d.opens(t, what, d.whole[:n])
		}
		if opened != (n >= d.used) {
			t.Errorf("%s with %d in use: opens %v", what, d.used, opened)
		}
		refused = !opened
	}
}

func TestFlippedAnywhere(t *testing.T) {
	d := newTorn(t)
	const seed, rounds = 4, 1500
	rng, opened := rand.New(rand.NewPCG(seed, seed)), 0
	for i := range rounds {
		bit := rng.IntN(d.used * 8)
		if i%2 == 0 { // where bbolt keeps what leads from page to page
			bit = rng.IntN(d.used/os.Getpagesize())*os.Getpagesize()*8 + rng.IntN(256*8)
		}
		file := bytes.Clone(d.whole)
		file[bit/8] ^= 1 << (bit % 8)
		if d.opens(t, fmt.Sprintf("bit %d", bit), file) {
			opened++
		}
	}
	t.Logf("%d of %d files with a flipped bit open, with all their data", opened, rounds)
	if opened == 0 || opened == rounds {
		t.Error("flips in free space have to be let pass, and others not")
	}
}

func TestSwappedPages(t *testing.T) {
	d := newTorn(t)
	size := os.Getpagesize()
	pages := d.used / size
	page := func(file []byte, i int) []byte { return file[i*size : (i+1)*size] }
	rng := rand.New(rand.NewPCG(5, 5))
	for range 300 {
		a, b := rng.IntN(pages), rng.IntN(pages)
		for _, how := range []string{"swapped", "copied", "copied with its own number", "blank"} {
			file := bytes.Clone(d.whole)
			switch how {
			case "swapped":
				copy(page(file, a), page(d.whole, b))
				copy(page(file, b), page(d.whole, a))
			case "copied":
				copy(page(file, a), page(d.whole, b))
			case "copied with its own number":
				copy(page(file, a)[8:], page(d.whole, b)[8:])
			case "blank":
				clear(page(file, a))
			}
			d.opens(t, fmt.Sprintf("pages %d and %d %s", a, b, how), file)
		}
	}
}

// Were the older meta page taken for a newer one that is broken, the last write
// would be gone and nobody would know.
func TestBrokenMetaPageIsNotALostWrite(t *testing.T) {
	d := newTorn(t)
	for _, at := range []int{0, os.Getpagesize()} {
		file := bytes.Clone(d.whole)
		file[at+pageHeader+48] ^= 1 // the number of the transaction
		if d.opens(t, fmt.Sprintf("meta page at %d", at), file) {
			t.Errorf("opens without the meta page at %d", at)
		}
	}
}

// A branch that leads to itself would keep bbolt going for ever.
func TestPagesInACircle(t *testing.T) {
	d := newTorn(t)
	size, circles := os.Getpagesize(), 0
	for i := 2; i < d.used/size; i++ {
		file := bytes.Clone(d.whole)
		p := file[i*size : (i+1)*size]
		if native.Uint16(p[8:]) != branchFlag {
			continue
		}
		native.PutUint64(p[pageHeader+8:], uint64(i))
		circles++
		d.opens(t, fmt.Sprintf("branch page %d leads to itself", i), file)
	}
	if circles == 0 {
		t.Error("the database has no branch page")
	}
}

// Records that were there and are not, or that came from elsewhere, are damage
// though every page and every seal is whole.
func TestInventory(t *testing.T) {
	records := func(tx *bolt.Tx) *bolt.Bucket { return tx.Bucket(bucketRecords) }
	for name, fn := range map[string]func(*bolt.Tx) error{
		"a record less": func(tx *bolt.Tx) error { return records(tx).Delete([]byte("tokens/a/1")) },
		"a record's path": func(tx *bolt.Tx) error {
			blob := bytes.Clone(records(tx).Get([]byte("tokens/a/1")))
			return errors.Join(records(tx).Delete([]byte("tokens/a/1")), records(tx).Put([]byte("tokens/a/3"), blob))
		},
		"two records changed over": func(tx *bolt.Tx) error {
			one, two := bytes.Clone(records(tx).Get([]byte("tokens/a/1"))), bytes.Clone(records(tx).Get([]byte("tokens/a/2")))
			return errors.Join(records(tx).Put([]byte("tokens/a/1"), two), records(tx).Put([]byte("tokens/a/2"), one))
		},
		"a record twice": func(tx *bolt.Tx) error {
			return records(tx).Put([]byte("tokens/a/3"), bytes.Clone(records(tx).Get([]byte("tokens/a/1"))))
		},
		"revisions begin anew": func(tx *bolt.Tx) error { return records(tx).SetSequence(1) },
		"a bucket in a bucket": func(tx *bolt.Tx) error { _, err := records(tx).CreateBucket([]byte("tokens/a/3")); return err },
		"no inventory":         func(tx *bolt.Tx) error { return tx.Bucket(bucketMeta).Delete(keyInventory) },
		"half an inventory":    func(tx *bolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyInventory, []byte("half")) },
		"called schema 1":      func(tx *bolt.Tx) error { return tx.Bucket(bucketMeta).Put(keySchema, []byte("1")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, ring := storeWith(t, "tokens/a/1", "tokens/a/2")
			damage(t, dir, fn)
			expectRefusal(t, dir, ring, ErrDamaged)
		})
	}
}
