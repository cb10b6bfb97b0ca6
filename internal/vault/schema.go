package vault

import (
	"crypto/sha256"
	"fmt"
	"strconv"

	bolt "go.etcd.io/bbolt"
)

// The database has two buckets: the records, flat, by path, the vault's own
// among them; and meta, with the file's schema and the inventory of records.
//
// Schema 1 had no inventory, and the canaries were in a bucket of their own, by
// key id, the checksum in front.
const fileSchema = 2

var (
	bucketMeta    = []byte("meta")
	bucketRecords = []byte("records")
	keySchema     = []byte("schema")
	keyInventory  = []byte("inventory")

	bucketCanary = []byte("canary") // schema 1
	keyProbe     = []byte("probe")  // schema 1
)

// initialise makes the buckets of an empty store.
func initialise(tx *bolt.Tx) error {
	for _, name := range [][]byte{bucketMeta, bucketRecords} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	return stamp(tx)
}

// stamp writes the schema and the inventory of what is there.
func stamp(tx *bolt.Tx) error {
	i, err := takeInventory(tx)
	if err != nil {
		return err
	}
	meta := tx.Bucket(bucketMeta)
	if err := meta.Put(keySchema, []byte(strconv.Itoa(fileSchema))); err != nil {
		return err
	}
	return meta.Put(keyInventory, i.bytes())
}

// schemaOf returns the file's schema, which is one that this program knows, and
// whose buckets are there.
func schemaOf(tx *bolt.Tx) (int, error) {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		return 0, fmt.Errorf("%w: it is not a store of smokepop", ErrDamaged)
	}
	schema, err := strconv.Atoi(string(meta.Get(keySchema)))
	switch {
	case err != nil || schema < 1:
		return 0, fmt.Errorf("%w: its schema version is unreadable", ErrDamaged)
	case schema > fileSchema:
		return 0, fmt.Errorf("%w: schema %d, this one knows up to %d; install the newer smokepopd again", ErrNewerSchema, schema, fileSchema)
	case tx.Bucket(bucketRecords) == nil, (tx.Bucket(bucketCanary) == nil) != (schema > 1):
		return 0, fmt.Errorf("%w: a bucket is missing or too many", ErrDamaged)
	case (meta.Get(keyInventory) == nil) != (schema == 1):
		return 0, fmt.Errorf("%w: the inventory of its records is missing or too many", ErrDamaged)
	}
	return schema, nil
}

// checkRecords tells whether the records are those that were written, as far as
// can be known without keys.
func checkRecords(tx *bolt.Tx) error {
	schema, err := schemaOf(tx)
	if err != nil {
		return err
	}
	is, err := takeInventory(tx)
	if err != nil || schema == 1 {
		return err
	}
	was, err := parseInventory(tx.Bucket(bucketMeta).Get(keyInventory))
	if err == nil && is != was {
		err = fmt.Errorf("%w: its records are not those of its inventory: %d of %d", ErrDamaged, is.count, was.count)
	}
	return err
}

// upgrade brings a file of schema 1 to the present one, if the keys fit.
func upgrade(db *bolt.DB, keys KeyRing) error {
	schema := 0
	var canaries []string
	err := view(db, func(tx *bolt.Tx) (err error) {
		if schema, err = schemaOf(tx); err != nil || schema > 1 {
			return err
		}
		canaries, err = tryKeys1(tx, keys)
		return err
	})
	if err != nil || schema > 1 {
		return err
	}
	return update(db, func(tx *bolt.Tx) error {
		records := tx.Bucket(bucketRecords)
		for _, id := range canaries {
			key, _ := keys.find(id)
			next, err := records.NextSequence()
			if err != nil {
				return err
			}
			canary, err := sealCanary(KeyRing{keys: []Key{key}}, next)
			if err != nil {
				return err
			}
			if err := records.Put([]byte(canaryPath(id)), canary); err != nil {
				return err
			}
		}
		if err := tx.DeleteBucket(bucketCanary); err != nil {
			return err
		}
		if err := tx.Bucket(bucketMeta).Delete(keyProbe); err != nil {
			return err
		}
		return stamp(tx)
	})
}

// tryKeys1 tries the keys on the canaries of schema 1 and returns whose they
// are.
func tryKeys1(tx *bolt.Tx, keys KeyRing) (ids []string, err error) {
	err = tx.Bucket(bucketCanary).ForEach(func(id, v []byte) error {
		if len(v) < sha256.Size {
			return fmt.Errorf("%w: the canary record is cut short", ErrDamaged)
		}
		ids = append(ids, string(id))
		return openCanary(keys, string(id), v[sha256.Size:], v[:sha256.Size])
	})
	if err == nil && len(ids) == 0 {
		err = fmt.Errorf("%w: the canary record is missing", ErrDamaged)
	}
	return ids, err
}
