package vault

import (
	"context"
	"testing"
)

// lateBackend has something happen between the first look and the next.
type lateBackend struct {
	Backend
	between func()
}

func (b *lateBackend) List(ctx context.Context, prefix string) ([]string, error) {
	paths, err := b.Backend.List(ctx, prefix)
	if do := b.between; do != nil {
		b.between = nil
		do()
	}
	return paths, err
}

// Two nodes that open a new store at the same moment find it whole: the one may
// see it without a canary and then with what the other has written since.
func TestTwoOpenANewStoreTogether(t *testing.T) {
	bucket := natsBucket(t)
	mine, err := newKVBackend(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	var theirs *Store
	s, err := New(t.Context(), &lateBackend{mine, func() {
		if theirs, err = OpenJetStream(t.Context(), bucket, testRing(t, "k1"), Options{}); err != nil {
			t.Fatal(err)
		}
		if err := theirs.Put(t.Context(), "token/firm.example/101", []byte("there")); err != nil {
			t.Fatal(err)
		}
	}}, testRing(t, "k1"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []*Store{s, theirs} {
		if err := one.Close(); err != nil {
			t.Error(err)
		}
	}
}
