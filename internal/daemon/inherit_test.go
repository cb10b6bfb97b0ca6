package daemon

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/config"
)

// passed binds an address and returns the socket as a parent would pass it.
func passed(t *testing.T, network, address string) (*os.File, string) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	return f, l.Addr().String()
}

func port(t *testing.T, address string) string {
	t.Helper()
	_, p, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestInheritedSocketsGoByTheirAddress(t *testing.T) {
	agents, a := passed(t, "tcp", ":0")
	pbx, p := passed(t, "tcp4", "127.0.0.1:0")
	given, err := inherited([]*os.File{pbx, agents}, config.Listen{Agents: ":" + port(t, a), PBX: p, Ops: "127.0.0.1:9091"})
	if err != nil {
		t.Fatal(err)
	}
	defer given["agents"].Close()
	defer given["pbx"].Close()
	if len(given) != 2 || given["agents"].Addr().String() != a || given["pbx"].Addr().String() != p {
		t.Errorf("given are %v", given)
	}
	for name, l := range given {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		if _, err := l.Accept(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// One socket for both is the agents', as where they are bound here.
func TestInheritedSharedSocket(t *testing.T) {
	f, a := passed(t, "tcp", "127.0.0.1:0")
	given, err := inherited([]*os.File{f}, config.Listen{Agents: a, PBX: a, Ops: "127.0.0.1:9091"})
	if err != nil {
		t.Fatal(err)
	}
	defer given["agents"].Close()
	if cfg := (&config.Config{Listen: config.Listen{Agents: a, PBX: a}}); !sharedListener(cfg, given) {
		t.Error("it is not shared")
	}
}

func TestNothingInheritedIsNothing(t *testing.T) {
	if given, err := Inherited(config.Listen{}); err != nil || len(given) != 0 {
		t.Errorf("%v, %v", given, err)
	}
}

func TestInheritedSocketsThatDoNotFitAreNamed(t *testing.T) {
	dir := t.TempDir()
	for _, tc := range []struct {
		name   string
		listen func(address string) config.Listen
		files  func(t *testing.T) ([]*os.File, string)
		want   []string
	}{
		{"another port", func(string) config.Listen { return config.Listen{Agents: ":8443", PBX: ":8444", Ops: "127.0.0.1:9091"} },
			func(t *testing.T) ([]*os.File, string) {
				f, a := passed(t, "tcp", "127.0.0.1:0")
				return []*os.File{f}, a
			},
			[]string{"none of the configured addresses", "listen.agents :8443", "listen.pbx :8444", "smokepop.socket"}},
		{"open to the network where loopback is configured", func(a string) config.Listen {
			_, p, _ := net.SplitHostPort(a)
			return config.Listen{Agents: "127.0.0.1:" + p, PBX: "127.0.0.1:" + p, Ops: "127.0.0.1:9091"}
		}, func(t *testing.T) ([]*os.File, string) { f, a := passed(t, "tcp", ":0"); return []*os.File{f}, a },
			[]string{"none of the configured addresses"}},
		{"two for one", func(a string) config.Listen { return config.Listen{Agents: a, PBX: ":8444", Ops: "127.0.0.1:9091"} },
			func(t *testing.T) ([]*os.File, string) {
				f, a := passed(t, "tcp", "127.0.0.1:0")
				copied, err := net.FileListener(f)
				if err != nil {
					t.Fatal(err)
				}
				defer copied.Close()
				g, err := copied.(*net.TCPListener).File()
				if err != nil {
					t.Fatal(err)
				}
				return []*os.File{f, g}, a
			}, []string{"two for listen.agents"}},
		{"a unix socket", func(string) config.Listen { return config.Listen{Agents: ":8443", PBX: ":8444"} },
			func(t *testing.T) ([]*os.File, string) {
				f, a := passed(t, "unix", filepath.Join(dir, "sock"))
				return []*os.File{f}, a
			}, []string{"no listening TCP socket", "ListenStream="}},
		{"a file", func(string) config.Listen { return config.Listen{Agents: ":8443", PBX: ":8444"} },
			func(t *testing.T) ([]*os.File, string) {
				f, err := os.Create(filepath.Join(dir, "file"))
				if err != nil {
					t.Fatal(err)
				}
				return []*os.File{f}, ""
			}, []string{"no listening TCP socket"}},
		{"a connection", func(string) config.Listen { return config.Listen{Agents: ":8443", PBX: ":8444"} },
			func(t *testing.T) ([]*os.File, string) {
				l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				c, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				f, err := c.(*net.TCPConn).File()
				if err != nil {
					t.Fatal(err)
				}
				return []*os.File{f}, ""
			}, []string{"no listening TCP socket", "Accept=yes"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			files, address := tc.files(t)
			given, err := inherited(slices.Clone(files), tc.listen(address))
			if err == nil {
				t.Fatalf("given are %v", given)
			}
			for _, w := range tc.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
			for _, f := range files {
				if f.Close() == nil {
					t.Error("a socket is still open")
				}
			}
		})
	}
}
