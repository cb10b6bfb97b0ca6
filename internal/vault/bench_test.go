package vault_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// benchValue is as large as a pairing's record with its tokens.
var benchValue = bytes.Repeat([]byte("token"), 400)

// A write that has reached the disk: sealed and bound to its place, beside bbolt
// alone.
func BenchmarkPut(b *testing.B) {
	b.Run("vault=sealed", func(b *testing.B) {
		s := open(b, filepath.Join(b.TempDir(), "state"), ringOf(b, newKey(b, "k1")))
		for n := 0; b.Loop(); n++ {
			if err := s.Put(b.Context(), fmt.Sprintf("tokens/bench/%d", n%1000), benchValue); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("vault=bbolt", func(b *testing.B) {
		db := plainStore(b)
		for n := 0; b.Loop(); n++ {
			err := db.Update(func(tx *bbolt.Tx) error {
				return tx.Bucket([]byte("b")).Put(fmt.Appendf(nil, "tokens/bench/%d", n%1000), benchValue)
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A read of one of 1,000 records, opened, beside bbolt alone.
func BenchmarkGet(b *testing.B) {
	path := func(n int) string { return fmt.Sprintf("tokens/bench/%d", n%1000) }
	b.Run("vault=sealed", func(b *testing.B) {
		s := open(b, filepath.Join(b.TempDir(), "state"), ringOf(b, newKey(b, "k1")))
		for n := range 1000 {
			if err := s.Put(b.Context(), path(n), benchValue); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			if v, _, err := s.Get(b.Context(), path(n)); err != nil || len(v) != len(benchValue) {
				b.Fatal(err)
			}
		}
	})
	b.Run("vault=bbolt", func(b *testing.B) {
		db := plainStore(b)
		err := db.Update(func(tx *bbolt.Tx) error {
			for n := range 1000 {
				if err := tx.Bucket([]byte("b")).Put([]byte(path(n)), benchValue); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			var v []byte
			if err := db.View(func(tx *bbolt.Tx) error {
				v = bytes.Clone(tx.Bucket([]byte("b")).Get([]byte(path(n))))
				return nil
			}); err != nil || len(v) != len(benchValue) {
				b.Fatal(err)
			}
		}
	})
}

func plainStore(b *testing.B) *bbolt.DB {
	b.Helper()
	db, err := bbolt.Open(b.TempDir()+"/plain.db", 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	if err := db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("b"))
		return err
	}); err != nil {
		b.Fatal(err)
	}
	return db
}
