package web

import (
	"context"
	"crypto/subtle"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
)

// A knock proves that an address leads to this daemon: who may open the admin
// socket is given a nonce and the proof that belongs to it, asks the address for
// the nonce's proof and compares. The answer to a nonce that was not given out
// is 404, so that nobody else learns anything.
const (
	knockFor  = time.Minute
	maxKnocks = 64
)

// knocks are those that may come.
type knocks struct {
	now func() time.Time

	mu   sync.Mutex
	open map[string]*knock
}

type knock struct {
	proof   string
	expires time.Time
	heard   *Heard
	socket  bool // may be opened yet
}

// Heard is how a knock came in.
type Heard struct {
	Peer   string `json:"peer"`   // the address at the other end of the connection
	Client string `json:"client"` // who that is taken to speak for
	// What proxies have put in, whether it was believed or not.
	ForwardedFor   bool   `json:"forwarded_for"`
	ForwardedProto string `json:"forwarded_proto,omitempty"` // http or https
	TLS            bool   `json:"tls"`                       // of the connection itself
}

func newKnocks(now func() time.Time) *knocks { return &knocks{now: now, open: map[string]*knock{}} }

// expect returns a nonce and its proof, or nothing while too many are open.
func (k *knocks) expect() (nonce, proof string, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	for n, one := range k.open {
		if !now.Before(one.expires) {
			delete(k.open, n)
		}
	}
	if len(k.open) >= maxKnocks {
		return "", "", false
	}
	nonce, proof = newToken(), newToken()
	k.open[nonce] = &knock{proof: proof, expires: now.Add(knockFor), socket: true}
	return nonce, proof, true
}

// find returns an open knock. Under mu.
func (k *knocks) find(nonce string) *knock {
	for n, one := range k.open {
		if subtle.ConstantTimeCompare([]byte(n), []byte(nonce)) == 1 && k.now().Before(one.expires) {
			return one
		}
	}
	return nil
}

// hear takes a knock in and returns its proof; empty: it was not expected.
func (k *knocks) hear(nonce string, h Heard) (proof string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	one := k.find(nonce)
	if one == nil {
		return ""
	}
	one.heard = &h
	return one.proof
}

// socketFor tells whether a websocket may be opened for the nonce; once.
func (k *knocks) socketFor(nonce string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	one := k.find(nonce)
	if one == nil || !one.socket {
		return false
	}
	one.socket = false
	return true
}

// heardOf returns how a knock came in; nil: it has not.
func (k *knocks) heardOf(nonce string) (h *Heard, known bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	one := k.find(nonce)
	if one == nil {
		return nil, false
	}
	return one.heard, true
}

type peerKey struct{}

// WithPeer keeps the address at the other end of a connection for a request
// whose RemoteAddr is about to become that of the client a proxy speaks for.
func WithPeer(ctx context.Context, remoteAddr string) context.Context {
	return context.WithValue(ctx, peerKey{}, remoteAddr)
}

// knocked answers GET /api/knock/{nonce}.
func (s *Server) knocked(w http.ResponseWriter, r *http.Request) error {
	peer, _ := r.Context().Value(peerKey{}).(string)
	if peer == "" {
		peer = r.RemoteAddr
	}
	h := Heard{Peer: hostAlone(peer), Client: hostAlone(r.RemoteAddr), ForwardedFor: r.Header.Get("X-Forwarded-For") != "", TLS: r.TLS != nil}
	if p := r.Header.Get("X-Forwarded-Proto"); p == "http" || p == "https" {
		h.ForwardedProto = p
	}
	proof := s.knocks.hear(chi.URLParam(r, "nonce"), h)
	if proof == "" {
		return refuse(http.StatusNotFound, "Nobody is waiting for this knock.")
	}
	return writeJSON(w, map[string]string{"proof": proof})
}

func hostAlone(remoteAddr string) string {
	if host, _, err := net.SplitHostPort(remoteAddr); err == nil {
		return host
	}
	return remoteAddr
}

// adminExpectKnock and adminHeardKnock are the two ends of it at the admin
// socket.
func (s *Server) adminExpectKnock(w http.ResponseWriter, _ *http.Request) error {
	nonce, proof, ok := s.knocks.expect()
	if !ok {
		return refuse(http.StatusServiceUnavailable, "Too many knocks are expected at once: try again in a minute.")
	}
	return writeJSON(w, map[string]string{"nonce": nonce, "proof": proof})
}

func (s *Server) adminHeardKnock(w http.ResponseWriter, r *http.Request) error {
	heard, known := s.knocks.heardOf(chi.URLParam(r, "nonce"))
	if !known {
		return refuse(http.StatusNotFound, "This knock is not expected, or not any more.")
	}
	return writeJSON(w, map[string]any{"heard": heard})
}
