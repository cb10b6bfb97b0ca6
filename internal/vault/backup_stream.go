package vault

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A backup file is
//
//	"SPBK" | format | length of key id | key id | salt (32) | chunk | chunk ...
//
// and a chunk is the length of what follows (4), ciphertext, tag (16). The
// nonce is the chunk's number (8), three zeroes, and 1 in the last chunk, 0 in
// the others; the additional data is all before the first chunk. So no chunk
// can be changed, left out, repeated, moved or taken from another file, and
// none can be missing at the end.
const (
	backupMagic  = "SPBK"
	backupFormat = 1
	backupSalt   = 32
	// chunkSize is how much is sealed at once; a reader keeps no more in memory.
	chunkSize = 64 << 10
)

// chunks seals or opens the chunks of one file, in order.
type chunks struct {
	aead   cipher.AEAD
	header []byte
	count  uint64
}

func (c *chunks) nonce(last bool) []byte {
	n := make([]byte, 12)
	binary.BigEndian.PutUint64(n, c.count)
	if last {
		n[11] = 1
	}
	c.count++
	return n
}

// backupWriter seals what is written to it. Without Close the file is not
// complete and is refused by every reader.
type backupWriter struct {
	chunks
	w   io.Writer
	buf []byte
}

// newBackupWriter begins a file sealed under the ring's first key.
func newBackupWriter(w io.Writer, keys KeyRing) (*backupWriter, error) {
	key := keys.keys[0]
	header := append([]byte(backupMagic), backupFormat, byte(len(key.ID)))
	header = append(header, key.ID...)
	salt := make([]byte, backupSalt)
	_, _ = rand.Read(salt) // never fails: crypto/rand ends the process instead
	header = append(header, salt...)
	aead, err := key.backup(salt)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(header); err != nil {
		return nil, err
	}
	return &backupWriter{chunks: chunks{aead: aead, header: header}, w: w}, nil
}

func (b *backupWriter) Write(p []byte) (int, error) {
	b.buf = append(b.buf, p...)
	for len(b.buf) > chunkSize { // at least a byte stays for the last chunk
		if err := b.flush(b.buf[:chunkSize], false); err != nil {
			return 0, err
		}
		b.buf = append(b.buf[:0], b.buf[chunkSize:]...)
	}
	return len(p), nil
}

// Close writes the last chunk. It does not close the writer below.
func (b *backupWriter) Close() error { return b.flush(b.buf, true) }

func (b *backupWriter) flush(p []byte, last bool) error {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(p)+b.aead.Overhead()))
	_, err := b.w.Write(b.aead.Seal(out, b.nonce(last), p, b.header))
	return err
}

// backupReader opens a file that a backupWriter has written. It hands out only
// what it has verified, and io.EOF only after the whole file.
type backupReader struct {
	chunks
	r     io.Reader
	keyID string
	buf   []byte
	ended bool
}

// newBackupReader reads the header. The errors are ErrDamaged, ErrWrongKey,
// ErrNewerSchema for a newer format, and those of r.
func newBackupReader(r io.Reader, keys KeyRing) (*backupReader, error) {
	header := make([]byte, len(backupMagic)+2)
	if err := readAll(r, header); err != nil {
		return nil, err
	}
	if string(header[:len(backupMagic)]) != backupMagic {
		return nil, fmt.Errorf("%w: it is not a backup of smokepop", ErrDamaged)
	}
	if format := header[len(backupMagic)]; format != backupFormat {
		return nil, fmt.Errorf("%w: a backup of format %d, this one knows %d", ErrNewerSchema, format, backupFormat)
	}
	rest := make([]byte, int(header[len(backupMagic)+1])+backupSalt)
	if err := readAll(r, rest); err != nil {
		return nil, err
	}
	header = append(header, rest...)
	id, salt := string(rest[:len(rest)-backupSalt]), rest[len(rest)-backupSalt:]
	if !keyID.MatchString(id) {
		return nil, fmt.Errorf("%w: the key's id is unreadable", ErrDamaged)
	}
	key, ok := keys.find(id)
	if !ok {
		return nil, fmt.Errorf("%w: the backup was sealed with key %s", ErrWrongKey, id)
	}
	aead, err := key.backup(salt)
	if err != nil {
		return nil, err
	}
	return &backupReader{chunks: chunks{aead: aead, header: header}, r: r, keyID: id}, nil
}

func (b *backupReader) Read(p []byte) (int, error) {
	for len(b.buf) == 0 {
		if b.ended {
			return 0, io.EOF
		}
		if err := b.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.buf)
	b.buf = b.buf[n:]
	return n, nil
}

// next opens the next chunk. It is the last one if it opens as that.
func (b *backupReader) next() error {
	var size [4]byte
	if err := readAll(b.r, size[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n < uint32(b.aead.Overhead()) || n > uint32(chunkSize+b.aead.Overhead()) {
		return fmt.Errorf("%w: part %d of the backup has an impossible length", ErrDamaged, b.count+1)
	}
	sealed := make([]byte, n)
	if err := readAll(b.r, sealed); err != nil {
		return err
	}
	number := b.count
	for _, last := range []bool{false, true} {
		b.count = number
		plain, err := b.aead.Open(nil, b.nonce(last), sealed, b.header)
		if err != nil {
			continue
		}
		b.buf, b.ended = plain, last
		if last {
			return b.nothingMore()
		}
		return nil
	}
	return fmt.Errorf("%w: part %d of the backup is not what was written", ErrDamaged, number+1)
}

func (b *backupReader) nothingMore() error {
	var one [1]byte
	switch _, err := io.ReadFull(b.r, one[:]); {
	case err == nil:
		return fmt.Errorf("%w: something follows the end of the backup", ErrDamaged)
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

// readAll fills p; a file that ends before is damaged.
func readAll(r io.Reader, p []byte) error {
	_, err := io.ReadFull(r, p)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the backup is cut short", ErrDamaged)
	}
	return err
}
