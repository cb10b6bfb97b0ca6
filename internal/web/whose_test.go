package web

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// Who has read a session or a frame before knows whose a request is by where that lies
// in the store; not that of a request that signs in, or that has both.
func TestCredentialPath(t *testing.T) {
	r := newRig(t, allowing(portal))
	own := r.join(priya)
	frame := r.frameCookie(own)
	id, _ := hashed(own.Value)
	frameID, _ := hashed(frame.Value)
	path, framed := SessionsPrefix+id, FramesPrefix+frameID
	for _, c := range []struct {
		method, target string
		cookies        []*http.Cookie
		want           string
	}{
		{"GET", "/ws", []*http.Cookie{own}, path},
		{"GET", "/api/me", []*http.Cookie{own}, path},
		{"GET", "/pair/callback?code=x", []*http.Cookie{own}, path},
		{"DELETE", "/api/session", []*http.Cookie{own}, path},
		{"POST", "/api/session", []*http.Cookie{own}, ""},
		{"POST", framePath, []*http.Cookie{own}, ""},
		{"GET", "/", []*http.Cookie{own}, ""},
		{"GET", "/ws", []*http.Cookie{own, frame}, ""},
		{"GET", "/ws", []*http.Cookie{frame}, framed},
		{"GET", "/ws", []*http.Cookie{{Name: own.Name, Value: "short"}}, ""},
		{"GET", "/ws", nil, ""},
	} {
		req := httptest.NewRequestWithContext(t.Context(), c.method, c.target, http.NoBody)
		for _, cookie := range c.cookies {
			req.AddCookie(cookie)
		}
		if got := r.server.CredentialPath(req); got != c.want {
			t.Errorf("%s %s with %d cookies: %q, want %q", c.method, c.target, len(c.cookies), got, c.want)
		}
	}
	record, _, err := r.store.Get(t.Context(), path)
	if tenant, decoded := TenantOfSession(record); err != nil || decoded != nil || tenant != priya.Tenant {
		t.Errorf("there lies the session of %q, %v, %v", tenant, err, decoded)
	}
	record, _, err = r.store.Get(t.Context(), framed)
	if of, decoded := SessionOfFrame(record); err != nil || decoded != nil || of != path {
		t.Errorf("the frame is of %q, %v, %v", of, err, decoded)
	}
}
