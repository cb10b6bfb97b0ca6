package web

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
)

// A token is what a browser holds: 32 random bytes, base64url. The store has
// its SHA-256 only, so that who reads the store cannot sign in.
const tokenLength = 43

func newToken() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: the runtime ends the process first
	return base64.RawURLEncoding.EncodeToString(b)
}

// hashed returns the name a token goes by in the store, in logs and towards
// other packages. A token of the wrong length has none.
func hashed(token string) (id string, ok bool) {
	if len(token) != tokenLength {
		return "", false
	}
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:]), true
}
