package smokeball

import (
	"crypto/rand"
	"encoding/hex"
)

// newRequestID returns a random UUID (RFC 9562, version 4). Smokeball echoes it
// and its support can find the request by it.
func newRequestID() string {
	var u [16]byte
	rand.Read(u[:]) // never fails
	u[6] = u[6]&0x0F | 0x40
	u[8] = u[8]&0x3F | 0x80
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
