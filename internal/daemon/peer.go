package daemon

import (
	"context"
	"net"
	"os/user"
	"strconv"

	"github.com/smokepop/smokepop/internal/audit"
)

// withPeer puts who is at the other end of the admin socket into the context of
// a connection. A connection that is no unix socket leaves that open.
//
// In the unit's user namespace (PrivateUsers=yes) the kernel shows root and the
// daemon's own user as they are and everybody else as nobody.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	uid, ok := peerUser(c)
	if !ok {
		return ctx
	}
	name := ""
	if u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10)); err == nil {
		name = u.Username
	}
	return audit.WithActor(ctx, audit.ByUser(audit.ActorSocket, uid, name))
}
