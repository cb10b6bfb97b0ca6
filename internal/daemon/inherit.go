package daemon

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"

	"github.com/smokepop/smokepop/internal/config"
)

// Inherited returns the sockets that systemd holds for this process
// (sd_listen_fds(3)), by the listener whose address they have, and takes them
// out of the environment. Those it does not hold are missing, and bound by New.
//
// An address, and not a name, says what a socket is for: one .socket unit then
// holds all of them, and nothing listens where the configuration does not say
// so, which has looked at its addresses to see whether plain HTTP may be spoken
// there. A socket that fits none, or is no listening TCP socket, is an error.
func Inherited(l config.Listen) (Listeners, error) {
	return inherited(activation.Files(true), l)
}

func inherited(files []*os.File, l config.Listen) (_ Listeners, err error) {
	given := Listeners{}
	defer func() {
		for _, f := range files {
			_ = f.Close() // listeners have copies
		}
		if err != nil {
			for _, l := range given {
				_ = l.Close()
			}
		}
	}()
	var problems []error
	for _, f := range files {
		if err := given.inherit(f, l); err != nil {
			problems = append(problems, err)
		}
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("sockets from systemd: %w", errors.Join(problems...))
	}
	return given, nil
}

func (given Listeners) inherit(f *os.File, l config.Listen) error {
	socket, err := listening(f)
	if err != nil {
		return err
	}
	keys := []struct{ name, address string }{{"agents", l.Agents}, {"pbx", l.PBX}, {"ops", l.Ops}}
	for _, k := range keys {
		if !sameAddress(socket.Addr(), k.address) {
			continue
		}
		if given[k.name] != nil {
			return errors.Join(fmt.Errorf("there are two for listen.%s, %s: leave one ListenStream= for it in smokepop.socket", k.name, k.address), socket.Close())
		}
		given[k.name] = socket
		return nil
	}
	var all []string
	for _, k := range keys {
		all = append(all, "listen."+k.name+" "+k.address)
	}
	return errors.Join(fmt.Errorf("%s is none of the configured addresses (%s): write the same ones into smokepop.socket and smokepop.yaml, then run systemctl daemon-reload and systemctl restart smokepop.socket smokepop.service",
		socket.Addr(), strings.Join(slices.Compact(all), ", ")), socket.Close())
}

// listening makes a listener of a socket that listens.
func listening(f *os.File) (net.Listener, error) {
	wrong := fmt.Errorf("%s is no listening TCP socket: smokepop.socket wants ListenStream= with a port, and no Accept=yes", f.Name())
	// FileListener takes any stream socket; Accept would say only later that it
	// does not listen.
	accepts, err := syscall.GetsockoptInt(int(f.Fd()), syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
	if err != nil || accepts == 0 {
		return nil, wrong
	}
	socket, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", wrong, err)
	}
	if _, tcp := socket.Addr().(*net.TCPAddr); !tcp {
		return nil, errors.Join(wrong, socket.Close())
	}
	return socket, nil
}

// sameAddress tells whether a socket is bound to a configured address: to all
// addresses of the machine, or to that one.
func sameAddress(bound net.Addr, configured string) bool {
	b, ok := bound.(*net.TCPAddr)
	want, err := net.ResolveTCPAddr("tcp", configured)
	if !ok || err != nil || b.Port != want.Port {
		return false
	}
	if want.IP == nil || want.IP.IsUnspecified() {
		return b.IP.IsUnspecified()
	}
	return b.IP.Equal(want.IP)
}
