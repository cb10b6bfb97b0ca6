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
	carriedForm   = 1      // of what is in the parts; another one is passed over
	carriedPart   = vault.MaxValue / 2
	carriedMost   = 64 << 20 // unpacked
)

// carriedIndex is the head.
type carriedIndex struct {
	Form  int    `json:"form"`
	Parts int    `json:"parts"`
	Sum   []byte `json:"sum"` // SHA-256 of the parts, one after the other
}

func carriedPath(at string, part int) string { return fmt.Sprintf("%s%04d", at, part) }

// sealCarried writes c below at, in parts that the store takes.
func sealCarried(ctx context.Context, store carriedStore, at string, c carried) error {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if err := errors.Join(json.NewEncoder(w).Encode(c), w.Close()); err != nil {
		return err
	}
	sum := sha256.Sum256(packed.Bytes())
	head := carriedIndex{Form: carriedForm, Sum: sum[:]}
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
	c, err := readCarried(ctx, store, at, paths)
	for _, path := range paths {
		if _, gone := store.Delete(ctx, path, 0); gone != nil {
			// Read once more it would bring calls back that are over by then.
			return nil, errors.Join(err, gone)
		}
	}
	return c, err
}

func readCarried(ctx context.Context, store carriedStore, at string, paths []string) (*carried, error) {
	if !slices.Contains(paths, at+carriedHead) {
		if slices.Contains(paths, at+carriedNow) {
			return readSnapshot(ctx, store, at)
		}
		return nil, errors.New("smokepop was ended while it was writing them")
	}
	b, _, err := store.Get(ctx, at+carriedHead)
	if err != nil {
		return nil, err
	}
	var head carriedIndex
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, err
	}
	if head.Form != carriedForm {
		return nil, fmt.Errorf("another version of smokepop wrote them, in form %d", head.Form)
	}
	var packed []byte
	for i := range head.Parts {
		part, _, err := store.Get(ctx, carriedPath(at, i))
		if err != nil {
			return nil, err
		}
		packed = append(packed, part...)
	}
	if sum := sha256.Sum256(packed); !bytes.Equal(sum[:], head.Sum) {
		return nil, errors.New("their parts do not fit together")
	}
	return unpackCarried(bytes.NewReader(packed))
}

func unpackCarried(packed io.Reader) (*carried, error) {
	r, err := gzip.NewReader(packed)
	if err != nil {
		return nil, err
	}
	c := new(carried)
	doc := json.NewDecoder(io.LimitReader(r, carriedMost))
	if err := doc.Decode(c); err != nil {
		return nil, err
	}
	// To the end: only there is gzip's own sum compared.
	switch _, err := doc.Token(); {
	case err == nil:
		return nil, errors.New("something follows them")
	case !errors.Is(err, io.EOF):
		return nil, err
	}
	if err := r.Close(); err != nil {
		return nil, err
	}
	return c, nil
}
