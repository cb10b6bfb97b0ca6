package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// Listeners are sockets somebody else has bound already: systemd, or a test.
// The keys are "agents", "pbx", "ops" and "admin".
type Listeners map[string]net.Listener

// listen returns the given listener for name or binds address.
func (given Listeners) listen(ctx context.Context, name, address string) (net.Listener, error) {
	if l := given[name]; l != nil {
		return l, nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen.%s: %w", name, err)
	}
	return l, nil
}

// listenAdmin binds the admin socket, mode 0660: who may open it may administer
// smokepop. A socket file that nobody listens on any more is replaced; one that
// answers belongs to a running daemon and is left alone.
func listenAdmin(ctx context.Context, path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("admin_socket: %w", err)
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("admin_socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("admin_socket: %s is there and is no socket", path)
	default:
		if c, err := new(net.Dialer).DialContext(ctx, "unix", path); err == nil {
			_ = c.Close()
			return nil, fmt.Errorf("admin_socket: another smokepopd is listening on %s", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("admin_socket: %w", err)
		}
	}
	// The umask, and not a later chmod, sets the mode: between the two anybody
	// could connect.
	old := syscall.Umask(0o117)
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("admin_socket: %w", err)
	}
	return l, nil
}
