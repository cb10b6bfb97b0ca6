package vault

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// inventory sums up all records. It changes in the transaction that changes
// them. bbolt has no checksum of its data: without an inventory one flipped bit
// in a page can take records away, or give them another path, and nobody would
// know that they were ever there.
type inventory struct {
	count    uint64            // of records
	sequence uint64            // of the bucket, from which revisions come
	sum      [sha256.Size]byte // of the records' hashes, by exclusive or
}

// inventorySize is an inventory's size as it is stored: count and sequence,
// big-endian, and the sum.
const inventorySize = 8 + 8 + sha256.Size

func (i inventory) bytes() []byte {
	b := make([]byte, 0, inventorySize)
	b = binary.BigEndian.AppendUint64(b, i.count)
	b = binary.BigEndian.AppendUint64(b, i.sequence)
	return append(b, i.sum[:]...)
}

func parseInventory(b []byte) (i inventory, err error) {
	if len(b) != inventorySize {
		return i, fmt.Errorf("%w: the inventory of its records is missing", ErrDamaged)
	}
	i.count, i.sequence = binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
	copy(i.sum[:], b[16:])
	return i, nil
}

// turn puts a record in or takes it out: both are the same for the sum.
func (i *inventory) turn(path string, blob []byte) {
	h := sha256.New()
	var size [8]byte
	binary.BigEndian.PutUint64(size[:], uint64(len(path)))
	h.Write(size[:])
	h.Write([]byte(path))
	h.Write(blob)
	subtle.XORBytes(i.sum[:], i.sum[:], h.Sum(nil))
}

// recount writes the inventory after the record at path has gone from old to
// now; nil stands for no record.
func recount(tx *bolt.Tx, path string, old, now []byte) error {
	meta := tx.Bucket(bucketMeta)
	i, err := parseInventory(meta.Get(keyInventory))
	if err != nil {
		return err
	}
	if old != nil {
		i.turn(path, old)
		i.count--
	}
	if now != nil {
		i.turn(path, now)
		i.count++
	}
	i.sequence = tx.Bucket(bucketRecords).Sequence()
	return meta.Put(keyInventory, i.bytes())
}

// takeInventory counts the records as they are. It finds each one twice, by
// walking and by asking for its path.
func takeInventory(tx *bolt.Tx) (i inventory, err error) {
	records := tx.Bucket(bucketRecords)
	i.sequence = records.Sequence()
	err = records.ForEach(func(path, blob []byte) error {
		if blob == nil || !bytes.Equal(records.Get(path), blob) {
			return fmt.Errorf("%w: a record is not where its path leads", ErrDamaged)
		}
		i.turn(string(path), blob)
		i.count++
		return nil
	})
	return i, err
}
