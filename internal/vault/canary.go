package vault

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"

	bolt "go.etcd.io/bbolt"
)

// The buckets of schema 1. Records are flat, by path. Canaries are by key id:
// one for each key that anything in the store may be sealed with.
var (
	bucketMeta    = []byte("meta")
	bucketCanary  = []byte("canary")
	bucketRecords = []byte("records")
	keySchema     = []byte("schema")
	keyProbe      = []byte("probe")
)

const canaryText = "smokepop"

func canaryPath(id string) string { return "vault/-/canary/" + id }

// initialise makes the buckets and the first canary.
func initialise(tx *bolt.Tx, keys KeyRing) error {
	for _, name := range [][]byte{bucketMeta, bucketCanary, bucketRecords} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	if err := tx.Bucket(bucketMeta).Put(keySchema, []byte(strconv.Itoa(SchemaVersion))); err != nil {
		return err
	}
	return putCanary(tx, keys)
}

// putCanary seals a known text with the ring's first key. In front of the blob
// stands its plain checksum: a blob that is whole and does not open is the
// fault of the key, one that is not whole is damage.
func putCanary(tx *bolt.Tx, keys KeyRing) error {
	id := keys.keys[0].ID
	blob, err := keys.seal(canaryPath(id), 0, []byte(canaryText))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(blob)
	return tx.Bucket(bucketCanary).Put([]byte(id), append(sum[:], blob...))
}

// verify tells whether the store is one that these keys and this program can
// work with.
func verify(tx *bolt.Tx, keys KeyRing) error {
	meta, canaries := tx.Bucket(bucketMeta), tx.Bucket(bucketCanary)
	if meta == nil {
		return fmt.Errorf("%w: it is not a store of smokepop", ErrDamaged)
	}
	schema, err := strconv.Atoi(string(meta.Get(keySchema)))
	switch {
	case err != nil || schema < 1:
		return fmt.Errorf("%w: its schema version is unreadable", ErrDamaged)
	case schema > SchemaVersion:
		return fmt.Errorf("%w: schema %d, this one knows up to %d; install the newer smokepopd again", ErrNewerSchema, schema, SchemaVersion)
	case canaries == nil || tx.Bucket(bucketRecords) == nil:
		return fmt.Errorf("%w: a bucket is missing", ErrDamaged)
	}
	n := 0
	err = canaries.ForEach(func(id, v []byte) error {
		n++
		return verifyCanary(keys, string(id), v)
	})
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: the canary record is missing", ErrDamaged)
	}
	return err
}

func verifyCanary(keys KeyRing, id string, v []byte) error {
	if len(v) < sha256.Size {
		return fmt.Errorf("%w: the canary record is cut short", ErrDamaged)
	}
	sum, blob := v[:sha256.Size], v[sha256.Size:]
	if whole := sha256.Sum256(blob); !bytes.Equal(whole[:], sum) {
		return fmt.Errorf("%w: the canary record is not what was written", ErrDamaged)
	}
	text, _, err := keys.open(canaryPath(id), blob)
	switch {
	case errors.Is(err, errAuth):
		return fmt.Errorf("%w: key %s in the key file is another key of that name", ErrWrongKey, id)
	case errors.Is(err, ErrWrongKey):
		return fmt.Errorf("%w: key %s is missing from the key file", ErrWrongKey, id)
	case err == nil && string(text) != canaryText:
		return fmt.Errorf("%w: the canary record says something else", ErrDamaged)
	}
	return err
}
