package vault

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// loses carries connections to a server, and breaks one off instead of carrying what
// has a word in it, as often as it is told.
type loses struct {
	word  []byte
	times atomic.Int32
	to    string
}

func (l *loses) Dial(network, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	out, err := new(net.Dialer).DialContext(context.Background(), network, l.to)
	if err != nil {
		return nil, err
	}
	end := sync.OnceFunc(func() { _, _, _ = ours.Close(), theirs.Close(), out.Close() })
	go func() { defer end(); _, _ = io.Copy(theirs, out) }()
	go func() {
		defer end()
		b := make([]byte, 64<<10)
		for {
			n, err := theirs.Read(b)
			if err != nil || bytes.Contains(b[:n], l.word) && l.times.Add(-1) >= 0 {
				return
			}
			if _, err := out.Write(b[:n]); err != nil {
				return
			}
		}
	}()
	return ours, nil
}

// A question that nobody will answer is asked again, and not waited for.
func TestALostQuestionIsAskedAgain(t *testing.T) {
	kv, address := natsBucketAt(t)
	if _, err := kv.Put(t.Context(), keyOf("a/b"), []byte("there")); err != nil {
		t.Fatal(err)
	}
	way := &loses{word: []byte("GET.KV_vault"), to: address}
	conn, err := nats.Connect("nats://"+way.to, nats.SetCustomDialer(way), nats.ReconnectWait(time.Millisecond), nats.MaxReconnects(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	far, err := js.KeyValue(t.Context(), "vault")
	if err != nil {
		t.Fatal(err)
	}
	b, err := newKVBackend(t.Context(), far)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	way.times.Store(2)
	if value, _, err := b.Get(t.Context(), "a/b"); string(value) != "there" || err != nil {
		t.Errorf("after two questions were lost: %q, %v", value, err)
	}
	if left := way.times.Load(); left > 0 {
		t.Errorf("%d questions have not been lost", left)
	}
}
