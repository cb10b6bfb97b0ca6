package pbxevents

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// tokenHeader carries the token of a webhook that has one.
const tokenHeader = "X-Smokepop-Token"

// sourceAllowed tells whether a request comes from a network that may send.
func (a *Auth) sourceAllowed(r *http.Request) bool {
	if len(a.Allow) == 0 {
		return true
	}
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	addr := at.Addr().Unmap().WithZone("")
	for _, p := range a.Allow {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// authorized tells whether a request brings every credential that is set. All
// of them are compared, each in constant time, whatever the first one says.
func (a *Auth) authorized(r *http.Request) bool {
	ok := true
	if a.Username != "" || a.Password != "" {
		username, password, _ := r.BasicAuth()
		ok = same(screenpop.Secret(username), screenpop.Secret(a.Username)) && ok
		ok = same(screenpop.Secret(password), a.Password) && ok
	}
	if a.Token != "" {
		ok = same(screenpop.Secret(r.Header.Get(tokenHeader)), a.Token) && ok
	}
	return ok
}

// same compares hashes, so that neither content nor length shows in the time.
func same(given, want screenpop.Secret) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// challenge says in a 401 what is missing.
func (a *Auth) challenge(h http.Header) string {
	if a.Username != "" || a.Password != "" {
		h.Set("WWW-Authenticate", `Basic realm="smokepop webhook", charset="UTF-8"`)
		if a.Token != "" {
			return "wrong or missing credentials: send the webhook's user name and password (Basic) and its token in " + tokenHeader
		}
		return "wrong or missing credentials: send the webhook's user name and password (Basic)"
	}
	h.Set("WWW-Authenticate", "Token")
	return "wrong or missing credentials: send the webhook's token in the header " + tokenHeader
}
