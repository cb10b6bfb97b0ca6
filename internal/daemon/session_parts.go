package daemon

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/smokepop/smokepop/internal/cluster"
	"github.com/smokepop/smokepop/internal/vault"
	"github.com/smokepop/smokepop/internal/web"
)

// sessionParts remembers which part each session is of, and each frame: their names in
// the store do not tell, and it never changes. So all parts here together read each
// once to know that it is another's, and not once each; and what a browser asks goes to
// its owner without a question to the store, also while that is away.
type sessionParts struct {
	mu    sync.Mutex
	known map[string]int // by path
}

func newSessionParts() *sessionParts { return &sessionParts{known: map[string]int{}} }

// ofSignedIn tells whether a record says who is signed in.
func ofSignedIn(path string) bool {
	return strings.HasPrefix(path, web.SessionsPrefix) || strings.HasPrefix(path, web.FramesPrefix)
}

// learn notes whose a record is that says who is signed in. A frame is of its session's.
func (sp *sessionParts) learn(path string, record []byte) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if _, known := sp.known[path]; known {
		return
	}
	if strings.HasPrefix(path, web.FramesPrefix) {
		session, err := web.SessionOfFrame(record)
		if part, known := sp.known[session]; err == nil && known {
			sp.known[path] = part
		}
		return
	}
	if tenant, err := web.TenantOfSession(record); err == nil {
		sp.known[path] = cluster.PartOf(string(tenant))
	}
}

func (sp *sessionParts) forget(path string) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	delete(sp.known, path)
}

// part returns which part a session or a frame is of, if that is known.
func (sp *sessionParts) part(path string) (part int, known bool) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	part, known = sp.known[path]
	return part, known
}

// of leaves of all sessions there are those of a part, and those that nobody has read.
func (sp *sessionParts) of(all []string, part int) []string {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if len(sp.known) > 2*len(all) { // most have ended; frames are learned anew
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

// learning is the store of a cluster's node, which learns from all that is read which
// part it is of.
type learning struct {
	*vault.Store
	sessions *sessionParts
}

// Get implements [storage].
func (l learning) Get(ctx context.Context, path string) (value []byte, revision uint64, err error) {
	value, revision, err = l.Store.Get(ctx, path)
	if err == nil && value != nil && ofSignedIn(path) {
		l.sessions.learn(path, value)
	}
	return value, revision, err
}

// follow learns of who signs in at any node, until ctx ends, so that a page that comes
// here is no stranger. Those of before are read by the lobby, when it sweeps.
func (l learning) follow(ctx context.Context, prefix string) {
	for c := range l.Watch(ctx, prefix) {
		l.hear(ctx, prefix, c)
	}
}

func (l learning) hear(ctx context.Context, prefix string, c vault.Change) {
	switch {
	case c.Missed: // too many at once
		if paths, err := l.List(ctx, prefix); err == nil {
			l.read(ctx, paths...)
		}
	case c.Deleted:
		l.sessions.forget(c.Path)
	default:
		l.read(ctx, c.Path)
	}
}

// read learns what is not known. What cannot be read now is when a page comes with it.
func (l learning) read(ctx context.Context, paths ...string) {
	for _, path := range paths {
		if _, known := l.sessions.part(path); !known && ctx.Err() == nil {
			_, _, _ = l.Get(ctx, path)
		}
	}
}
