package daemon

import (
	"net/http/httptest"
	"testing"
)

// A node on its way out opens no socket for a page any more, which would be closed in
// a moment; all else it still answers or hands on.
func TestANodeOnItsWayOutTakesNoNewPages(t *testing.T) {
	m := &member{going: make(chan struct{})}
	close(m.going)
	for _, of := range []struct {
		service, path string
		want          bool
	}{
		{serviceAgents, socketPath, true}, {serviceAgents, socketPath + "?resume=1", true}, {serviceAgents, "/api/me", false},
		{servicePBX, socketPath, false}, {servicePBX, "/hooks/vodia/firm.example", false},
	} {
		f := &front{member: m, service: of.service}
		if got := f.leadsNowhere(httptest.NewRequest("GET", of.path, nil)); got != of.want {
			t.Errorf("%s of %s: sent elsewhere %v, want %v", of.path, of.service, got, of.want)
		}
	}
}
