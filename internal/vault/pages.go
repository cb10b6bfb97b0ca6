package vault

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
)

// bbolt's file: pages of one size, each with a header of id (8), flags (2),
// count (2) and overflow (4), in the machine's byte order. Pages 0 and 1 hold
// the meta of the last two transactions.
const (
	pageHeader  = 16
	elementSize = 16 // of a branch: pos, ksize, page; of a leaf: flags, pos, ksize, vsize

	branchFlag, leafFlag, freelistFlag = 0x01, 0x02, 0x10
	bucketFlag                         = 0x01 // of a leaf's element

	metaMagic   = 0xED0CDAED
	metaVersion = 2
	metaSize    = 64 // the last 8 of them its checksum
)

var native = binary.NativeEndian

// pageFile is a database of which nothing is trusted yet.
type pageFile struct {
	io.ReaderAt
	pageSize uint64
	pages    uint64 // below the high-water mark
	seen     map[uint64]bool
	buffer   []byte // of the page in hand
}

// checkPages follows every page of the file from the newest meta page and finds
// what would lead bbolt out of the file or round in circles: bbolt checks a
// good deal, but by reading what it checks.
//
// Both meta pages have to be whole. bbolt would take the older one for a newer
// one that is not, and hand out what was before the last write. A crash does
// not leave a meta page half written: what counts of it lies in one sector.
func checkPages(r io.ReaderAt, size int64) error {
	f := &pageFile{ReaderAt: r, seen: map[uint64]bool{0: true, 1: true}}
	newest, err := f.newestMeta()
	if err != nil {
		return err
	}
	root, freelist := native.Uint64(newest[16:]), native.Uint64(newest[32:])
	f.pages = native.Uint64(newest[40:])
	if f.pages > uint64(size)/f.pageSize {
		return fmt.Errorf("%w: the file has %d bytes, too few for its %d pages", ErrDamaged, size, f.pages)
	}
	if err := f.checkFreelist(freelist); err != nil {
		return err
	}
	next := []uint64{root}
	for len(next) > 0 {
		id := next[len(next)-1]
		page, err := f.read(id)
		if err != nil {
			return err
		}
		linked, ok := links(page, 0)
		if !ok {
			return fmt.Errorf("%w: page %d does not hold together", ErrDamaged, id)
		}
		next = append(next[:len(next)-1], linked...)
	}
	return nil
}

func (f *pageFile) newestMeta() ([]byte, error) {
	first, err := f.meta(0)
	if err != nil {
		return nil, err
	}
	f.pageSize = uint64(native.Uint32(first[8:]))
	if f.pageSize < 512 || f.pageSize > 1<<16 {
		return nil, fmt.Errorf("%w: pages of %d bytes", ErrDamaged, f.pageSize)
	}
	second, err := f.meta(int64(f.pageSize))
	if err != nil {
		return nil, err
	}
	if native.Uint64(second[48:]) > native.Uint64(first[48:]) {
		return second, nil
	}
	return first, nil
}

func (f *pageFile) meta(offset int64) ([]byte, error) {
	m := make([]byte, metaSize)
	if _, err := f.ReadAt(m, offset+pageHeader); err != nil {
		return nil, broken(err)
	}
	sum := fnv.New64a()
	sum.Write(m[:metaSize-8])
	if native.Uint32(m) != metaMagic || native.Uint32(m[4:]) != metaVersion || native.Uint64(m[metaSize-8:]) != sum.Sum64() {
		return nil, fmt.Errorf("%w: the meta page at %d is not what was written", ErrDamaged, offset)
	}
	return m, nil
}

// read returns the whole page id with those that belong to it, each of them
// for the first time. It is good until the next one is read.
func (f *pageFile) read(id uint64) ([]byte, error) {
	if id >= f.pages {
		return nil, fmt.Errorf("%w: page %d of %d", ErrDamaged, id, f.pages)
	}
	// Most are alone: one reading does for them.
	if f.buffer == nil {
		f.buffer = make([]byte, f.pageSize)
	}
	page := f.buffer[:f.pageSize]
	if _, err := f.ReadAt(page, int64(id*f.pageSize)); err != nil {
		return nil, broken(err)
	}
	more := uint64(native.Uint32(page[12:]))
	if native.Uint64(page) != id || more >= f.pages-id {
		return nil, fmt.Errorf("%w: page %d is another or leads out of the file", ErrDamaged, id)
	}
	for i := id; i <= id+more; i++ {
		if f.seen[i] {
			return nil, fmt.Errorf("%w: page %d is in two places", ErrDamaged, i)
		}
		f.seen[i] = true
	}
	if more == 0 {
		return page, nil
	}
	f.buffer = slices.Grow(page, int(more*f.pageSize))
	page = f.buffer[:(more+1)*f.pageSize]
	if _, err := f.ReadAt(page[f.pageSize:], int64((id+1)*f.pageSize)); err != nil {
		return nil, broken(err)
	}
	return page, nil
}

func (f *pageFile) checkFreelist(id uint64) error {
	page, err := f.read(id)
	if err != nil {
		return err
	}
	count, room := uint64(native.Uint16(page[10:])), uint64(len(page)-pageHeader)/8
	if count == 0xFFFF { // it does not fit into its field
		count, room = native.Uint64(page[pageHeader:]), room-1
	}
	if native.Uint16(page[8:]) != freelistFlag || count > room {
		return fmt.Errorf("%w: the list of free pages does not hold together", ErrDamaged)
	}
	return nil
}

// maxInline is how deep buckets may lie in each other's leaves; ours do not.
const maxInline = 4

// links returns the pages that a page leads to, and whether all its elements
// are inside it.
func links(page []byte, depth int) (ids []uint64, ok bool) {
	flags, count := native.Uint16(page[8:]), int(native.Uint16(page[10:]))
	if flags != branchFlag && flags != leafFlag || count*elementSize > len(page)-pageHeader || depth > maxInline {
		return nil, false
	}
	if flags == branchFlag && count == 0 {
		return nil, false
	}
	for i := range count {
		rest := page[pageHeader+i*elementSize:]
		if flags == branchFlag {
			if _, ok := within(rest, native.Uint32(rest), native.Uint32(rest[4:])); !ok {
				return nil, false
			}
			ids = append(ids, native.Uint64(rest[8:]))
			continue
		}
		pos, ksize, vsize := native.Uint32(rest[4:]), native.Uint32(rest[8:]), native.Uint32(rest[12:])
		if _, ok := within(rest, pos, ksize); !ok {
			return nil, false
		}
		value, ok := within(rest, pos+ksize, vsize)
		if !ok {
			return nil, false
		}
		if native.Uint32(rest)&bucketFlag == 0 {
			continue
		}
		more, ok := bucketLinks(value, depth)
		if !ok {
			return nil, false
		}
		ids = append(ids, more...)
	}
	return ids, true
}

// bucketLinks does the same for a bucket's value: root page (8) and sequence
// (8), and behind them, when the root is 0, a page with all there is.
func bucketLinks(value []byte, depth int) (ids []uint64, ok bool) {
	if len(value) < 16 {
		return nil, false
	}
	if root := native.Uint64(value); root != 0 {
		return []uint64{root}, true
	}
	if len(value) < 16+pageHeader {
		return nil, false
	}
	return links(value[16:], depth+1)
}

// within returns the size bytes at pos of b.
func within(b []byte, pos, size uint32) ([]byte, bool) {
	end := uint64(pos) + uint64(size)
	if end > uint64(len(b)) {
		return nil, false
	}
	return b[pos:end], true
}

func broken(err error) error { return fmt.Errorf("%w: %w", ErrDamaged, err) }
