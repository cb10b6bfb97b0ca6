package daemon

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/smokepop/smokepop/internal/cluster"
	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/vault"
)

// natsStart is how long NATS may take to be there when smokepop starts.
const natsStart = 20 * time.Second

// connectNATS connects to the servers of a configuration. The connection comes
// back by itself whenever it breaks.
func connectNATS(ctx context.Context, c config.Cluster, g *ground) (*nats.Conn, error) {
	log := g.log.With("component", "cluster")
	options := []nats.Option{
		nats.Name("smokepop " + c.Node), nats.Timeout(2 * time.Second), nats.PingInterval(2 * time.Second), nats.MaxPingsOutstanding(2),
		nats.MaxReconnects(-1), nats.ReconnectWait(200 * time.Millisecond), nats.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("the connection to NATS is broken", "err", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) { log.Info("connected to NATS again", "server", nc.ConnectedAddr()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("NATS", "err", err) }),
	}
	if c.NATS.CredsFile != "" {
		options = append(options, nats.UserCredentials(c.NATS.CredsFile))
	}
	if t := c.NATS.TLS; t != (config.NATSTLS{}) {
		options = append(options, nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12}))
		if t.CAFile != "" {
			options = append(options, nats.RootCAs(t.CAFile))
		}
		if t.CertFile != "" {
			options = append(options, nats.ClientCert(t.CertFile, t.KeyFile))
		}
	}
	ctx, cancel := context.WithTimeout(ctx, natsStart)
	defer cancel()
	for {
		nc, err := nats.Connect(strings.Join(c.NATS.URLs, ","), options...)
		if err == nil {
			return nc, nil
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return nil, fmt.Errorf("cluster.nats: none of the servers lets this node in: %w", err)
		}
	}
}

// openCluster opens the store in JetStream and prepares to be a member.
func (g *ground) openCluster(ctx context.Context, cfg *config.Config, keys vault.KeyRing, opts vault.Options, down *teardown) error {
	nc, err := connectNATS(ctx, cfg.Cluster, g)
	if err != nil {
		return err
	}
	down.add("connection to NATS", func(context.Context) error { nc.Close(); return nil })
	g.nats, g.node, g.instance = nc, cfg.Cluster.Node, cfg.Cluster.Node+"-"+nuid.Next()
	if g.memberKeys, err = keys.Derive("members"); err != nil {
		return err
	}
	ids, err := keys.Derive("pop ids")
	if err != nil {
		return err
	}
	g.popSecret = ids[0]
	places, err := placesOf(cfg)
	if err != nil {
		return err
	}
	g.sessions, g.budgets = newSessionParts(), newSharedBudgets(places, opts.Metrics)
	bucket, err := cluster.OpenBucket(ctx, nc, cluster.BucketConfig{
		Name: cfg.Cluster.Name + "-vault", Replicas: cfg.Cluster.Replicas, MaxSize: vault.MaxValue + vault.Overhead,
	})
	if err != nil {
		return err
	}
	g.vault, err = vault.OpenJetStream(ctx, bucket, keys, opts)
	return err
}
