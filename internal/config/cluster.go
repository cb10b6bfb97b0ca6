package config

import (
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Cluster makes several smokepopd work as one over NATS JetStream, which then
// keeps the store too. Without urls there is none of it.
type Cluster struct {
	NATS     NATS   `mapstructure:"nats"`
	Node     string `mapstructure:"node"`     // this machine's name among the others; empty: its host name
	Name     string `mapstructure:"name"`     // of the cluster: what its subjects and buckets begin with
	Replicas int    `mapstructure:"replicas"` // how many servers keep each record: 1, 3 or 5
}

// On tells whether this smokepopd is one of several.
func (c Cluster) On() bool { return len(c.NATS.URLs) > 0 }

// NATS is where the servers are, and how they are spoken to.
type NATS struct {
	URLs      []string `mapstructure:"urls"` // nats:// or tls://
	CredsFile string   `mapstructure:"creds_file"`
	TLS       NATSTLS  `mapstructure:"tls"`
}

// NATSTLS are the files for TLS with the servers; all may be empty.
type NATSTLS struct {
	CAFile   string `mapstructure:"ca_file"`
	CertFile string `mapstructure:"cert_file"` // shown to the servers, with the key
	KeyFile  string `mapstructure:"key_file"`
}

var clusterWord = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (l *loader) cluster(c *Cluster) {
	if !c.On() {
		return
	}
	for i, written := range c.NATS.URLs {
		at := index("cluster.nats.urls", i)
		u, err := url.Parse(written)
		switch {
		case l.known(at) || l.known("cluster.nats.urls"):
		case err != nil || u.Hostname() == "" || !slices.Contains([]string{"nats", "tls"}, u.Scheme):
			l.problem(at, "must be an address like nats://10.0.0.5:4222, or tls:// with TLS")
		case u.User != nil:
			l.problem(at, "must not hold a password: put the user's credentials into cluster.nats.creds_file")
		case u.Scheme == "nats" && c.NATS.TLS == (NATSTLS{}) && !loopback(u.Hostname()):
			l.warn(at, "is without TLS: what is kept there and said between nodes is sealed all the same, but anybody on the way can disturb it")
		}
	}
	if c.Node == "" {
		host, err := os.Hostname()
		if err != nil {
			l.problem("cluster.node", "is needed: this machine does not know its name")
		}
		c.Node, _, _ = strings.Cut(host, ".")
	}
	l.clusterWord("cluster.node", c.Node)
	l.clusterWord("cluster.name", c.Name)
	if !slices.Contains([]int{1, 3, 5}, c.Replicas) && !l.known("cluster.replicas") {
		l.problem("cluster.replicas", "must be 1, 3 or 5: as many NATS servers keep each record")
	}
	if t := c.NATS.TLS; (t.CertFile == "") != (t.KeyFile == "") && !l.known("cluster.nats.tls.cert_file", "cluster.nats.tls.key_file") {
		l.problem("cluster.nats.tls", "has one of cert_file and key_file: both are needed, or none")
	}
	l.checkCA("cluster.nats.tls.ca_file", c.NATS.TLS.CAFile)
}

func (l *loader) clusterWord(path, word string) {
	if !clusterWord.MatchString(word) && !l.known(path) {
		l.problem(path, "%s is no name: use up to 64 letters, digits, - and _", quote(word))
	}
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}
