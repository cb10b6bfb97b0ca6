package cluster

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// serverName is what members call each other in TLS; nobody else hears it.
const serverName = "member.smokepop"

// memberTLS returns the configuration of connections between members, for both
// sides. Members are those who have one of the secrets, 32 bytes each, which are
// made of the keys of the store: who cannot read the store cannot be a member,
// and what NATS carries is closed to NATS.
func memberTLS(secrets [][]byte) (*tls.Config, error) {
	if len(secrets) == 0 {
		return nil, errors.New("no key to know members by")
	}
	var members []ed25519.PublicKey
	for _, s := range secrets {
		members = append(members, ed25519.NewKeyFromSeed(s).Public().(ed25519.PublicKey))
	}
	key := ed25519.NewKeyFromSeed(secrets[0])
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, err
	}
	// Its dates are of no meaning: the key is what is checked.
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: serverName}, DNSNames: []string{serverName},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the members' certificate: %w", err)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: serverName,
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}},
		ClientAuth:   tls.RequireAnyClientCert,
		// There is no authority: members know each other's key. The handshake has
		// shown that the other side holds the one that is compared here.
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection is the check
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 1 {
				theirs, ok := s.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
				if ok && slices.ContainsFunc(members, func(k ed25519.PublicKey) bool { return k.Equal(theirs) }) {
					return nil
				}
			}
			return errors.New("the other side has none of the keys in the key file")
		},
		SessionTicketsDisabled: true, // each connection shows the key anew
	}, nil
}
