package vault

import (
	"bytes"
	"testing"
)

func BenchmarkSeal(b *testing.B) {
	r, value := testRing(b, "k1"), bytes.Repeat([]byte("token"), 400)
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.seal(blobPath, 7, value); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	r, value := testRing(b, "k1"), bytes.Repeat([]byte("token"), 400)
	blob, err := r.seal(blobPath, 7, value)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := r.open(blobPath, blob); err != nil {
			b.Fatal(err)
		}
	}
}
