package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
)

// backupInfo keeps the keys of backup files apart from all else that may ever
// be derived from a key of the ring.
const backupInfo = "smokepop backup 1"

// backupCipher returns what makes the cipher of one backup file: AES-256-GCM
// under a key of its own, derived (RFC 5869) from the ring's key and the file's
// random salt. No two files share a key, so a file's chunks can count their
// nonces. Like the ring's key, the derived one is kept in no field that could
// be printed.
func backupCipher(secret []byte) (func(salt []byte) (cipher.AEAD, error), error) {
	parent, err := hkdf.Extract(sha256.New, secret, nil)
	if err != nil {
		return nil, err
	}
	return func(salt []byte) (cipher.AEAD, error) {
		key, err := hkdf.Expand(sha256.New, parent, backupInfo+string(salt), keySize)
		if err != nil {
			return nil, err
		}
		defer clear(key)
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		return cipher.NewGCM(block)
	}, nil
}
