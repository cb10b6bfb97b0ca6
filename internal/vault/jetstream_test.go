package vault

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// natsBucket starts a server with JetStream and returns a bucket there.
func natsBucket(t testing.TB) jetstream.KeyValue {
	t.Helper()
	kv, _ := natsBucketAt(t)
	return kv
}

// natsBucketAt is natsBucket with the server's address.
func natsBucketAt(t testing.TB) (kv jetstream.KeyValue, address string) {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not start")
	}
	conn, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		s.Shutdown()
		s.WaitForShutdown()
	})
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	kv, err = js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "vault", LimitMarkerTTL: time.Minute, MaxValueSize: MaxValue + Overhead})
	if err != nil {
		t.Fatal(err)
	}
	return kv, s.Addr().String()
}

func FuzzKeyOfPath(f *testing.F) {
	for _, path := range []string{"tokens/firm.example.com/101", "a/=/.", "x/\x00/é", "", "=2f", "a//b"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		key := keyOf(path)
		if back, err := pathOfKey(key); err != nil || back != path {
			t.Errorf("%q is the key %q, which is the path %q: %v", path, key, back, err)
		}
		if back, err := pathOfKey(path); err == nil && keyOf(back) != path {
			t.Errorf("two keys for %q", back)
		}
	})
}
