package cluster

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// A request that was made before JetStream had a leader is answered by nobody:
// it is made again.
func TestBucketOfServersThatAreStarting(t *testing.T) {
	s := serve(t, &server.Options{})
	nc := connect(t, s.ClientURL())
	asked, err := connect(t, s.ClientURL()).SubscribeSync("$JS.API.>")
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan error, 1)
	go func() {
		_, err := OpenBucket(t.Context(), nc, BucketConfig{Name: "b"})
		opened <- err
	}()
	if _, err := asked.NextMsg(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := s.EnableJetStream(&server.JetStreamConfig{StoreDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Error(err)
	}
}
