package vodia

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
)

// pipes is a network within a bubble.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// nightPBX is a PBX in a bubble: it gives a session to whoever asks, and does
// with a websocket what a test says.
type nightPBX struct {
	mu      sync.Mutex
	logins  []time.Duration // since the beginning
	opened  []time.Duration
	refuses int    // the status of logins
	valid   string // the session that is accepted
	does    func(*websocket.Conn)
	told    func(bool, error)
	began   time.Time
}

func (n *nightPBX) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	n.mu.Lock()
	refuses := n.refuses
	switch {
	case r.URL.Path == "/websocket":
		n.opened = append(n.opened, time.Since(n.began))
	case strings.Contains(string(body), "3rd"):
		n.logins = append(n.logins, time.Since(n.began))
		n.valid = fmt.Sprint("token", len(n.logins))
	}
	valid := n.valid
	n.mu.Unlock()
	cookie, err := r.Cookie("session")
	accepted := err == nil && cookie.Value == valid
	switch {
	case r.URL.Path != "/websocket" && refuses != 0:
		http.Error(w, "", refuses)
	case strings.Contains(string(body), "3rd"):
		_, _ = io.WriteString(w, `"`+valid+`"`)
	case r.URL.Path != "/websocket":
		http.SetCookie(w, &http.Cookie{Name: "session", Value: valid})
		_, _ = io.WriteString(w, "true")
	case !accepted:
		http.Error(w, "", http.StatusUnauthorized)
	default:
		conn, err := new(websocket.Upgrader).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		n.does(conn)
	}
}

// night runs a Watch against n for a while.
func night(t *testing.T, n *nightPBX, long time.Duration) {
	t.Helper()
	n.began = time.Now()
	l := &pipes{make(chan net.Conn), make(chan struct{})}
	server := &http.Server{Handler: n, ErrorLog: quiet()}
	var group sync.WaitGroup
	group.Go(func() { _ = server.Serve(l) })
	c, err := New(Config{BaseURL: "http://127.0.0.1", Domain: domain, Username: user, Password: password,
		HTTP: &http.Client{Transport: &http.Transport{DialContext: l.dial}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	if err := c.Watch(ctx, Feed{Calls: func([]LiveCall) {}, State: n.told}); err != context.DeadlineExceeded {
		t.Error(err)
	}
	c.Close()
	server.Close()
	group.Wait()
	synctest.Wait()
}

// A quiet night is no reason to connect again: the PBX is asked to stay every
// 30 s, and answers pings.
func TestKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var frames []string
		var at []time.Duration
		n := &nightPBX{}
		n.does = func(conn *websocket.Conn) {
			for {
				_, f, err := conn.ReadMessage()
				if err != nil {
					return
				}
				n.mu.Lock()
				frames, at = append(frames, string(f)), append(at, time.Since(n.began))
				n.mu.Unlock()
			}
		}
		night(t, n, time.Hour-time.Second)
		if len(n.logins) != 1 || len(n.opened) != 1 {
			t.Errorf("%d logins, %d connections", len(n.logins), len(n.opened))
		}
		if len(frames) != 120 || frames[0] != `{"action":"domain-calls","subscribe":true}` {
			t.Fatalf("%d frames, first %v", len(frames), frames[:min(1, len(frames))])
		}
		for i, f := range frames[1:] {
			if f != `{"action":"avoid-disconnect"}` || at[i+1]-at[i] != 30*time.Second {
				t.Fatalf("frame %d after %v: %s", i, at[i+1]-at[i], f)
			}
		}
	})
}

// A line that brings nothing for 90 s is dead. A PBX that has been found to
// answer no pings is given longer, or a quiet night would be a connection each
// minute and a half.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &nightPBX{does: func(conn *websocket.Conn) {
			conn.SetPingHandler(func(string) error { return nil })
			for {
				if _, _, err := conn.ReadMessage(); err != nil {
					return
				}
			}
		}}
		night(t, n, time.Hour)
		if len(n.opened) < 2 || n.opened[1]-n.opened[0] < silence || n.opened[1]-n.opened[0] > silence+2*time.Second {
			t.Fatalf("opened at %v", n.opened)
		}
		if len(n.opened) < 6 || len(n.opened) > 8 { // 90 s, then each 10 min
			t.Errorf("opened at %v", n.opened)
		}
		if len(n.logins) != 1 {
			t.Errorf("%d logins: the session still stands", len(n.logins))
		}
	})
}

// A PBX that accepts and cuts is not hammered, and found again within a minute.
func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &nightPBX{does: func(*websocket.Conn) {}}
		night(t, n, time.Hour)
		if len(n.opened) < 60 || len(n.opened) > 250 {
			t.Errorf("opened %d times in an hour", len(n.opened))
		}
		for i := 1; i < len(n.opened); i++ {
			ceiling := min(longPause, firstPause<<min(i-1, 20))
			if gap := n.opened[i] - n.opened[i-1]; gap > ceiling {
				t.Errorf("%d: paused %v, at most %v", i, gap, ceiling)
			}
		}
		if gaps := distinct(n.opened); gaps < len(n.opened)/2 {
			t.Errorf("%d different pauses: no jitter", gaps)
		}
	})
}

// Where the password is refused, time does not help and a lock-out threatens.
func TestPausesOfTheHopeless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, status := range []int{401, 403, 404} {
			n := &nightPBX{refuses: status}
			night(t, n, time.Hour)
			if len(n.logins) < 60 || len(n.logins) > 120 {
				t.Errorf("%d: %d logins in an hour", status, len(n.logins))
			}
		}
	})
}

// A session that the PBX has forgotten since is no failure: there is a new one
// at once.
func TestSessionThatIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &nightPBX{}
		n.does = func(conn *websocket.Conn) {
			_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
			for {
				if _, _, err := conn.ReadMessage(); err != nil {
					break
				}
			}
			n.mu.Lock()
			n.valid = ""
			n.mu.Unlock()
		}
		n.told = func(connected bool, why error) {
			if !connected && !is(why, Unreachable) {
				t.Errorf("%v", why)
			}
		}
		night(t, n, 10*time.Minute)
		if len(n.logins) < 9 {
			t.Errorf("%d sessions", len(n.logins))
		}
	})
}

// Pauses are spread over all of a second, two, four, and so on up to a minute.
func TestCeilings(t *testing.T) {
	for failures, ceiling := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60} {
		ceiling *= time.Second
		least, most := ceiling, time.Duration(0)
		for range 500 {
			p := pause(failures, false)
			least, most = min(least, p), max(most, p)
		}
		if least > ceiling/4 || most < ceiling*3/4 || most > ceiling {
			t.Errorf("after %d failures: %v to %v", failures, least, most)
		}
	}
}

func distinct(at []time.Duration) int {
	var gaps []time.Duration
	for i := 1; i < len(at); i++ {
		gaps = append(gaps, at[i]-at[i-1])
	}
	slices.Sort(gaps)
	return len(slices.Compact(gaps))
}

// The settings of 200 extensions are asked for at the polite rate, and when
// the PBX is slow the whole ends in time with what there is.
func TestPoliteAndInTime(t *testing.T) {
	for name, c := range map[string]struct {
		slow   time.Duration
		within [2]time.Duration
		gaps   bool
	}{
		"quick": {0, [2]time.Duration{18 * time.Second, 22 * time.Second}, false},
		"slow":  {9 * time.Second, [2]time.Duration{defaultTotalTimeout, defaultTotalTimeout + time.Second}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &pipes{make(chan net.Conn), make(chan struct{})}
				exts := make([]int, 200)
				for i := range exts {
					exts[i] = 1000 + i
				}
				server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					switch {
					case strings.HasSuffix(r.URL.Path, "/userlist/extensions"):
						_, _ = io.WriteString(w, asJSON(t, exts))
					case strings.Contains(r.URL.Path, "/user_settings/"):
						select {
						case <-time.After(c.slow):
						case <-r.Context().Done():
							return
						}
						_, _ = io.WriteString(w, `{"email":"a@x"}`)
					default:
						http.NotFound(w, r)
					}
				})}
				var group sync.WaitGroup
				group.Go(func() { _ = server.Serve(l) })
				client, err := New(Config{BaseURL: "http://127.0.0.1", Domain: domain, HTTP: &http.Client{Transport: &http.Transport{DialContext: l.dial}}})
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				d, err := client.Directory(t.Context())
				took := time.Since(began)
				if err != nil || len(d.Accounts) != 200 || took < c.within[0] || took > c.within[1] {
					t.Errorf("%d accounts after %v, %v", len(d.Accounts), took, err)
				}
				emails, gaps := 0, 0
				for _, a := range d.Accounts {
					if a.Email != "" {
						emails++
					}
				}
				for _, g := range d.Gaps {
					if g.Part == "email" {
						if gaps++; !is(g.Err, Timeout) {
							t.Errorf("%v", g.Err)
						}
					}
				}
				if emails+gaps != 200 || c.gaps != (gaps > 0) || emails == 0 {
					t.Errorf("%d e-mails, %d gaps", emails, gaps)
				}
				client.Close()
				server.Close()
				group.Wait()
				synctest.Wait()
			})
		})
	}
}
