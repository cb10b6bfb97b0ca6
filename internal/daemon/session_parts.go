package daemon

import (
	"slices"
	"sync"

	"github.com/smokepop/smokepop/internal/cluster"
	"github.com/smokepop/smokepop/internal/web"
)

// sessionParts remembers which part each session is of: a session's name in the
// store does not tell, and it never changes. So all parts here together read each
// session once to know that it is another's, and not once each; and what a browser
// asks goes to its owner without a question to the store, also while that is away.
type sessionParts struct {
	mu    sync.Mutex
	known map[string]int // by path
}

func newSessionParts() *sessionParts { return &sessionParts{known: map[string]int{}} }

func (sp *sessionParts) learn(path string, record []byte) {
	if _, known := sp.part(path); known {
		return
	}
	if tenant, err := web.TenantOfSession(record); err == nil {
		sp.note(path, cluster.PartOf(string(tenant)))
	}
}

func (sp *sessionParts) note(path string, part int) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	sp.known[path] = part
}

// part returns which part a session is of, if that is known.
func (sp *sessionParts) part(path string) (part int, known bool) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	part, known = sp.known[path]
	return part, known
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
