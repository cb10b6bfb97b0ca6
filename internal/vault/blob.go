package vault

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A sealed blob is
//
//	"SPV" | format | schema (2) | revision (8) | length of key id | key id | nonce (12) | ciphertext | tag (16)
//
// with big-endian numbers. All before the nonce is the header. Header and
// record path are the additional data, so nothing of either can change.
const (
	blobMagic  = "SPV"
	blobFormat = 1
	// fixedHeader is the header's size without the key id.
	fixedHeader = len(blobMagic) + 1 + 2 + 8 + 1
)

// SchemaVersion is the version of what is sealed: the meaning of paths and
// values. A record of a newer version is left alone.
const SchemaVersion = 1

// seal returns value sealed with the ring's first key for the record at path.
func (r KeyRing) seal(path string, revision uint64, value []byte) ([]byte, error) {
	if len(r.keys) == 0 {
		return nil, ErrNoKey
	}
	key := r.keys[0]
	header := make([]byte, 0, fixedHeader+len(key.ID)+key.aead.Overhead()+len(value))
	header = append(header, blobMagic...)
	header = append(header, blobFormat)
	header = binary.BigEndian.AppendUint16(header, SchemaVersion)
	header = binary.BigEndian.AppendUint64(header, revision)
	header = append(header, byte(len(key.ID)))
	header = append(header, key.ID...)
	return key.aead.Seal(header, nil, value, additionalData(header, path)), nil
}

// errAuth: all of the blob is in place and still it does not open.
var errAuth = errors.New("the seal does not fit")

// open returns what is sealed in blob. Whatever blob holds, the error is
// ErrDamaged, ErrWrongKey or ErrNewerSchema.
func (r KeyRing) open(path string, blob []byte) (value []byte, revision uint64, err error) {
	if len(blob) < fixedHeader || string(blob[:len(blobMagic)]) != blobMagic {
		return nil, 0, fmt.Errorf("%w: not a sealed record", ErrDamaged)
	}
	if format := blob[len(blobMagic)]; format != blobFormat {
		return nil, 0, fmt.Errorf("%w: sealed in unknown format %d", ErrDamaged, format)
	}
	rest := blob[len(blobMagic)+1:]
	schema := binary.BigEndian.Uint16(rest)
	revision = binary.BigEndian.Uint64(rest[2:])
	idLen := int(rest[10])
	if len(blob) < fixedHeader+idLen {
		return nil, 0, fmt.Errorf("%w: the record is cut short", ErrDamaged)
	}
	header, sealed := blob[:fixedHeader+idLen], blob[fixedHeader+idLen:]
	id := string(header[fixedHeader:])
	key, ok := r.find(id)
	if !ok {
		if !keyID.MatchString(id) {
			return nil, 0, fmt.Errorf("%w: the key's id is unreadable", ErrDamaged)
		}
		return nil, 0, fmt.Errorf("%w: it was sealed with key %s", ErrWrongKey, id)
	}
	value, err = key.aead.Open([]byte{}, nil, sealed, additionalData(header, path))
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrDamaged, errAuth)
	}
	if schema > SchemaVersion {
		return nil, 0, fmt.Errorf("%w: record of schema %d", ErrNewerSchema, schema)
	}
	return value, revision, nil
}

// revisionOf returns the revision in a blob's header, without opening it.
func revisionOf(blob []byte) (uint64, error) {
	if len(blob) < fixedHeader {
		return 0, fmt.Errorf("%w: the record is cut short", ErrDamaged)
	}
	return binary.BigEndian.Uint64(blob[len(blobMagic)+3:]), nil
}

// additionalData binds header and path. The header tells its own length, so no
// two pairs give the same bytes.
func additionalData(header []byte, path string) []byte {
	data := make([]byte, 0, len(header)+len(path))
	return append(append(data, header...), path...)
}
