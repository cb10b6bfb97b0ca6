package daemon

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/smokepop/smokepop/internal/vault"
)

// carriedStore is the vault as calls are carried in it.
type carriedStore interface {
	Get(ctx context.Context, path string) ([]byte, uint64, error)
	Put(ctx context.Context, path string, value []byte) error
	List(ctx context.Context, prefix string) ([]string, error)
	Delete(ctx context.Context, path string, revision uint64) (bool, error)
}

const (
	carriedPrefix = "carried/calls/"
	carriedHead   = "head" // written last: without it there is nothing
	carriedNow    = "now"  // what nodes of an earlier version leave that go without a word
	carriedForm   = 1      // of what is in the parts; another one is passed over
	carriedPart   = vault.MaxValue / 2
	carriedMost   = 64 << 20 // unpacked
)

// carriedIndex is the head.
type carriedIndex struct {
	Form  int    `json:"form"`
	Parts int    `json:"parts"`
	Sum   []byte `json:"sum"` // SHA-256 of the parts, one after the other
	// Term is what the store said when they were written, of a part of a cluster.
	Term string `json:"term,omitempty"`
}

func carriedPath(at string, part int) string { return fmt.Sprintf("%s%04d", at, part) }

// sealCarried writes c below at, in parts that the store takes.
func sealCarried(ctx context.Context, store carriedStore, at, term string, c carried) error {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if err := errors.Join(json.NewEncoder(w).Encode(c), w.Close()); err != nil {
		return err
	}
	sum := sha256.Sum256(packed.Bytes())
	head := carriedIndex{Form: carriedForm, Sum: sum[:], Term: term}
	for part := range slices.Chunk(packed.Bytes(), carriedPart) {
		if err := store.Put(ctx, carriedPath(at, head.Parts), part); err != nil {
			return err
		}
		head.Parts++
	}
	b, err := json.Marshal(head)
	if err != nil {
		return err
	}
	return store.Put(ctx, at+carriedHead, b)
}

// takeCarried reads what was sealed and deletes it; nil where there is nothing.
// It is deleted also when it cannot be read.
func takeCarried(ctx context.Context, store carriedStore, at string) (*carried, error) {
	paths, err := store.List(ctx, at)
	if err != nil || len(paths) == 0 {
		return nil, err
	}
	var c *carried
	if err = errors.New("smokepop was ended while it was writing them"); slices.Contains(paths, at+carriedHead) {
		c, _, err = readCarried(ctx, store, at)
	}
	for _, path := range paths {
		if _, gone := store.Delete(ctx, path, 0); gone != nil {
			// Read once more it would bring calls back that are over by then.
			return nil, errors.Join(err, gone)
		}
	}
	return c, err
}

// readCarried reads what was sealed, and during which term; nil where there is
// nothing.
func readCarried(ctx context.Context, store carriedStore, at string) (c *carried, term string, err error) {
	b, _, err := store.Get(ctx, at+carriedHead)
	if err != nil || b == nil {
		return nil, "", err
	}
	var head carriedIndex
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, "", err
	}
	if head.Form != carriedForm {
		return nil, "", fmt.Errorf("another version of smokepop wrote them, in form %d", head.Form)
	}
	var packed []byte
	for i := range head.Parts {
		part, _, err := store.Get(ctx, carriedPath(at, i))
		if err != nil {
			return nil, "", err
		}
		packed = append(packed, part...)
	}
	if sum := sha256.Sum256(packed); !bytes.Equal(sum[:], head.Sum) {
		return nil, "", errors.New("their parts do not fit together")
	}
	c = new(carried)
	if err := unpack(bytes.NewReader(packed), c); err != nil {
		return nil, "", err
	}
	return c, head.Term, nil
}

// readSnapshot reads what a node of an earlier version has left; nil: nothing.
func readSnapshot(ctx context.Context, store carriedStore, at string) (*carried, error) {
	packed, _, err := store.Get(ctx, at+carriedNow)
	if err != nil || packed == nil {
		return nil, err
	}
	c := new(carried)
	return c, unpack(bytes.NewReader(packed), c)
}

// unpack reads JSON that was packed, to its end.
func unpack(packed io.Reader, into any) error {
	r, err := gzip.NewReader(packed)
	if err != nil {
		return err
	}
	doc := json.NewDecoder(io.LimitReader(r, carriedMost))
	if err := doc.Decode(into); err != nil {
		return err
	}
	// To the end: only there is gzip's own sum compared.
	switch _, err := doc.Token(); {
	case err == nil:
		return errors.New("something follows them")
	case !errors.Is(err, io.EOF):
		return err
	}
	return r.Close()
}
