package process

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// FreeAddress returns a loopback address with a port that nobody listens on. It
// is none of those that the system gives to outgoing connections: a program that
// is started again finds it free again.
func FreeAddress() (string, error) {
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 10_240+rand.IntN(20_000)) //nolint:gosec // no secret
		if l, err := net.Listen("tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", errors.New("no loopback port between 10240 and 30239 is free")
}
