package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// ErrNoSnapshot: the store's backend cannot be copied as of one moment, or not now.
var ErrNoSnapshot = errors.New("the store cannot be copied as of one moment")

// Backup is the store as it was at one moment, in memory: its records as they
// are sealed, a few kilobytes for an agent. Writing it may take its time: it
// holds up nobody.
type Backup struct {
	// LeftOut are the paths of records that no key opens.
	LeftOut []string

	keys    KeyRing
	created time.Time
	last    uint64
	records []backupRecord
}

// backupHead comes first in a backup file, then its records, all as JSON.
type backupHead struct {
	Schema  int       `json:"schema"` // of the values
	Created time.Time `json:"created"`
	Last    uint64    `json:"last_revision"`
	Records int       `json:"records"`
}

type backupRecord struct {
	Path string `json:"path"`
	Blob []byte `json:"blob"`
}

// Backup takes the store as of one moment, while readers and writers go on. Calls
// that are carried over a restart are left behind.
func (s *Store) Backup(ctx context.Context) (*Backup, error) {
	b := &Backup{created: time.Now().UTC()}
	err := s.reading(func() (err error) {
		backend, ok := s.backend.(Snapshotter)
		if !ok {
			return ErrNoSnapshot
		}
		b.keys = s.ring()
		b.last, err = backend.Snapshot(ctx, func(path string, blob []byte) error {
			if !reserved(path) && !stays(path) { // canaries belong to the file, not to its content
				b.records = append(b.records, backupRecord{path, bytes.Clone(blob)})
			}
			return ctx.Err()
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("back up the store: %w", err)
	}
	whole := b.records[:0]
	for _, r := range b.records {
		_, _, err := b.keys.open(r.Path, r.Blob)
		switch {
		case unreadable(err):
			b.LeftOut = append(b.LeftOut, r.Path)
		case err != nil:
			return nil, fmt.Errorf("back up the store: record %s: %w", r.Path, err)
		default:
			whole = append(whole, r)
		}
	}
	b.records = whole
	return b, nil
}

// Records tells how many records are in the backup.
func (b *Backup) Records() int { return len(b.records) }

// Write writes the backup file, sealed under the key that sealed the store at
// that moment: neither values nor paths can be read in it, and no part of it
// can be changed or cut off unnoticed. A file whose Write has failed is
// refused by everybody.
func (b *Backup) Write(w io.Writer) error {
	sealed, err := newBackupWriter(w, b.keys)
	if err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	enc := json.NewEncoder(sealed)
	err = enc.Encode(backupHead{SchemaVersion, b.created, b.last, len(b.records)})
	for _, r := range b.records {
		if err == nil {
			err = enc.Encode(r)
		}
	}
	if err == nil {
		err = sealed.Close()
	}
	if err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	return nil
}

// readBackup reads a whole backup file and calls each with every record, once
// it has opened. Only after readBackup has returned nil is it known that the
// file is all there.
func readBackup(r io.Reader, keys KeyRing, begin func(backupHead) error, each func(path string, value []byte) error) (keyID string, err error) {
	sealed, err := newBackupReader(r, keys)
	if err != nil {
		return "", err
	}
	dec := json.NewDecoder(sealed)
	next := func(v any) error {
		err := dec.Decode(v)
		if err != nil && !unreadable(err) && !isFileError(err) {
			// It was sealed by us and is not what we seal.
			err = fmt.Errorf("%w: the backup's content: %w", ErrDamaged, err)
		}
		return err
	}
	var head backupHead
	if err := next(&head); err != nil {
		return "", err
	}
	if head.Schema > SchemaVersion {
		return "", fmt.Errorf("%w: the backup is of schema %d, this one knows up to %d; install the newer smokepopd", ErrNewerSchema, head.Schema, SchemaVersion)
	}
	if err := begin(head); err != nil {
		return "", err
	}
	last := ""
	for range head.Records {
		var rec backupRecord
		if err := next(&rec); err != nil {
			return "", err
		}
		if err := checkPath(rec.Path); err != nil || strings.Compare(rec.Path, last) <= 0 {
			return "", fmt.Errorf("%w: record path %q does not belong into the backup", ErrDamaged, rec.Path)
		}
		last = rec.Path
		value, _, err := keys.open(rec.Path, rec.Blob)
		if err != nil {
			return "", fmt.Errorf("record %s: %w", rec.Path, err)
		}
		if err := each(rec.Path, value); err != nil {
			return "", err
		}
	}
	// To the end of the file, where its last part and nothing more has to be.
	if rest, err := io.ReadAll(io.MultiReader(dec.Buffered(), sealed)); err != nil {
		return "", err
	} else if len(bytes.TrimSpace(rest)) > 0 {
		return "", fmt.Errorf("%w: the backup holds more than it says", ErrDamaged)
	}
	return sealed.keyID, nil
}

// isFileError tells an error of the file system, or a context's, from one of
// the file's content.
func isFileError(err error) bool {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	return !errors.As(err, &syntax) && !errors.As(err, &kind) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
}
