package daemon

import (
	"slices"
	"sync"

	"github.com/smokepop/smokepop/internal/cluster"
	"github.com/smokepop/smokepop/internal/web"
)

// sessionParts remembers which part each session is of: a session's name in the
// store does not tell, and it never changes. So all parts here together read each
// session once to know that it is another's, and not once each.
type sessionParts struct {
	mu    sync.Mutex
	known map[string]int // by path
}

func newSessionParts() *sessionParts { return &sessionParts{known: map[string]int{}} }

func (sp *sessionParts) learn(path string, record []byte) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if _, known := sp.known[path]; known {
		return
	}
	if tenant, err := web.TenantOfSession(record); err == nil {
		sp.known[path] = cluster.PartOf(string(tenant))
	}
}

// of leaves of all paths there are those of a part, and those that nobody has read.
func (sp *sessionParts) of(all []string, part int) []string {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if len(sp.known) > 2*len(all) { // most have ended
		now := make(map[string]int, len(all))
		for _, path := range all {
			if of, known := sp.known[path]; known {
				now[path] = of
			}
		}
		sp.known = now
	}
	return slices.DeleteFunc(all, func(path string) bool {
		of, known := sp.known[path]
		return known && of != part
	})
}
