package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// bucketTime is how long making a bucket may take: servers that have just been
	// started have to choose a leader first.
	bucketTime = 20 * time.Second
	// bucketTry is how long one request may take. Without a leader nobody answers
	// one, not even later.
	bucketTry  = 2 * time.Second
	bucketWait = 200 * time.Millisecond
)

// BucketConfig is what a bucket is made of; one that is there is not changed.
type BucketConfig struct {
	Name     string
	Replicas int   // servers that keep each record; 0 means 1
	MaxSize  int32 // of a record with its key; 0: as NATS allows
}

// OpenBucket opens a key-value bucket, and makes it where there is none: as
// jetstream makes one, with the newest value of each key alone, but for direct
// reads, which a replica that is behind may answer. It is read through its leader.
func OpenBucket(ctx context.Context, nc *nats.Conn, cfg BucketConfig) (jetstream.KeyValue, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, bucketTime)
	defer cancel()
	for {
		kv, err := openBucket(ctx, js, cfg)
		if err == nil {
			return kv, nil
		}
		select {
		case <-time.After(bucketWait):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// openBucket tries once.
func openBucket(ctx context.Context, js jetstream.JetStream, cfg BucketConfig) (jetstream.KeyValue, error) {
	ctx, cancel := context.WithTimeout(ctx, bucketTry)
	defer cancel()
	if err := makeBucket(ctx, js, cfg); err != nil {
		return nil, fmt.Errorf("make the bucket %s: %w", cfg.Name, err)
	}
	kv, err := js.KeyValue(ctx, cfg.Name)
	if err != nil {
		return nil, fmt.Errorf("open the bucket %s: %w", cfg.Name, err)
	}
	return kv, nil
}

func makeBucket(ctx context.Context, js jetstream.JetStream, cfg BucketConfig) error {
	stream := "KV_" + cfg.Name
	if _, err := js.Stream(ctx, stream); !errors.Is(err, jetstream.ErrStreamNotFound) {
		return err
	}
	_, err := js.CreateStream(ctx, jetstream.StreamConfig{
		Name: stream, Description: "smokepop", Subjects: []string{"$KV." + cfg.Name + ".>"},
		MaxMsgsPerSubject: 1, MaxMsgSize: cfg.MaxSize, Storage: jetstream.FileStorage, Replicas: max(1, cfg.Replicas),
		Discard: jetstream.DiscardNew, DenyDelete: true, AllowRollup: true, AllowDirect: false,
		AllowMsgTTL: true, // of the marks of what was deleted
	})
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return nil // another member was faster
	}
	return err
}
