package pbxevents

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
)

// TokenHeader carries the secret of a tenant's token_file.
const TokenHeader = "X-Smokepop-Token"

// gate checks who sends. It holds hashes of the secrets: comparing those of
// what is expected and what came takes the same time whatever came.
type gate struct {
	basic, token bool
	user, pass   [sha256.Size]byte
	secret       [sha256.Size]byte
	allow        []netip.Prefix
}

func newGate(a Auth) gate {
	g := gate{
		basic: a.Username != "" || a.Password != "", token: a.Token != "",
		user: sha256.Sum256([]byte(a.Username)), pass: sha256.Sum256([]byte(a.Password.Reveal())),
		secret: sha256.Sum256([]byte(a.Token.Reveal())),
	}
	for _, p := range a.Allow {
		g.allow = append(g.allow, p.Masked())
	}
	return g
}

// source tells whether the request comes from an allowed network. A remote
// address that cannot be read is in none.
func (g *gate) source(r *http.Request) bool {
	if len(g.allow) == 0 {
		return true
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	addr := from.Addr()
	if err != nil {
		if addr, err = netip.ParseAddr(r.RemoteAddr); err != nil {
			return false
		}
	}
	addr = addr.Unmap().WithZone("")
	for _, p := range g.allow {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// credentials tells whether everything that is set was sent. Both are looked
// at, whatever the first says, and two tokens are as good as none.
func (g *gate) credentials(r *http.Request) bool {
	ok := 1
	if g.basic {
		user, pass, _ := r.BasicAuth()
		ok &= same(g.user, user)
		ok &= same(g.pass, pass)
	}
	if g.token {
		sent := r.Header[TokenHeader]
		if len(sent) != 1 {
			return false
		}
		ok &= same(g.secret, sent[0])
	}
	return ok == 1
}

// challenge is the WWW-Authenticate of a 401.
func (g *gate) challenge() string {
	if g.basic {
		return `Basic realm="smokepop", charset="UTF-8"`
	}
	return `SmokepopToken realm="smokepop"`
}

func same(want [sha256.Size]byte, got string) int {
	h := sha256.Sum256([]byte(got))
	return subtle.ConstantTimeCompare(want[:], h[:])
}
