package daemon

import (
	"net"
	"syscall"
)

// peerUser asks the kernel whose process has connected (SO_PEERCRED, unix(7)).
func peerUser(c net.Conn) (uid uint32, ok bool) {
	conn, ok := c.(*net.UnixConn)
	if !ok {
		return 0, false
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, false
	}
	var cred *syscall.Ucred
	var refused error
	err = raw.Control(func(fd uintptr) {
		cred, refused = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err != nil || refused != nil { // cred is root's then
		return 0, false
	}
	return cred.Uid, true
}
