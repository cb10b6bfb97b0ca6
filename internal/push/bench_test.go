package push_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/push"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// plain opens a socket by hand: its client side costs a descriptor and little
// memory, and reads nothing by itself.
func (g *rig) plain(b *testing.B, a screenpop.AgentID) net.Conn {
	b.Helper()
	conn, err := net.Dial("tcp", g.server.Listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: x\r\nOrigin: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: smokepop.v1\r\n\r\n", a.Extension, origin)
	resp, err := http.ReadResponse(bufio.NewReaderSize(io.LimitReader(conn, 4096), 16), nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		b.Fatalf("open: %v, %v", resp, err)
	}
	return conn
}

// frames reads a socket's frames and calls each for every one.
func frames(conn net.Conn, each func()) {
	r := bufio.NewReader(conn)
	for {
		head, err := r.Peek(4)
		if err != nil {
			return
		}
		size := 2 + int(head[1])
		switch head[1] {
		case 126:
			size = 4 + int(binary.BigEndian.Uint16(head[2:]))
		case 127:
			panic("a message of over 64 KiB")
		}
		if _, err := r.Discard(size); err != nil {
			return
		}
		each()
	}
}

// watch opens a socket, waits for its hello, and counts what follows down.
func (g *rig) watch(b *testing.B, a screenpop.AgentID, left *atomic.Int64, zero chan<- struct{}) {
	conn := g.plain(b, a)
	said := make(chan struct{})
	first := true
	go frames(conn, func() {
		if first {
			first = false
			close(said)
			return
		}
		if left.Add(-1) == 0 {
			zero <- struct{}{}
		}
	})
	<-said
}

// One agent's message to all of the agent's screens: encoded once, written to
// each, read by each.
func BenchmarkFanOut(b *testing.B) {
	for _, screens := range []int{1, 2, 4, 8, 64} {
		b.Run(fmt.Sprintf("screens=%d", screens), func(b *testing.B) {
			g := start(b, push.Limits{CloseGrace: time.Millisecond})
			var left atomic.Int64
			zero := make(chan struct{}, 1)
			p := pop("a", screenpop.Ringing)
			g.Pop(priya, p, time.Now())
			for range screens {
				g.watch(b, priya, &left, zero)
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				left.Store(int64(screens))
				g.Update(priya, p)
				<-zero
				n += screens
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/screen")
		})
	}
}

// Messages to many agents with one screen each, 100 on their way at a time.
func BenchmarkPublish(b *testing.B) {
	for _, agents := range []int{125, 250, 500, 1000} {
		b.Run(fmt.Sprintf("agents=%d", agents), func(b *testing.B) {
			g := start(b, push.Limits{CloseGrace: time.Millisecond})
			var left atomic.Int64
			zero := make(chan struct{}, 1)
			ids := make([]screenpop.AgentID, agents)
			p := pop("a", screenpop.Ringing)
			for i := range ids {
				ids[i] = agent(fmt.Sprint(1000 + i))
				g.Pop(ids[i], p, time.Now())
				g.watch(b, ids[i], &left, zero)
			}
			b.ReportAllocs()
			const batch = 100
			n := 0
			for b.Loop() {
				if n%batch == 0 {
					left.Store(batch)
				}
				g.Update(ids[n%agents], p)
				if n++; n%batch == 0 {
					<-zero
				}
			}
		})
	}
}

// What an open screen costs that nothing happens on: heap and stacks, the
// server's side of the socket and, being in one process, a bare client's too.
func BenchmarkIdleScreen(b *testing.B) {
	const screens = 2000
	memory := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	for b.Loop() {
		g := start(b, push.Limits{CloseGrace: time.Millisecond})
		before := memory()
		for i := range screens {
			g.plain(b, agent(fmt.Sprint(i)))
		}
		<-time.After(100 * time.Millisecond) // the last hello is written
		b.ReportMetric(float64(memory()-before)/screens/1024, "KiB/screen")
	}
}

// What publishing costs before any socket: encode, number, remember.
func BenchmarkPopAndEndWithoutScreens(b *testing.B) {
	h := push.New(push.Config{Pairings: &pairings{}})
	b.Cleanup(func() { _ = h.Close(context.Background()) })
	p := pop("a", screenpop.Ringing)
	b.ReportAllocs()
	for b.Loop() {
		h.Pop(priya, p, time.Time{})
		h.End(priya, "a", screenpop.EndTerminated, "")
	}
}
