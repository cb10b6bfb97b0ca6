package daemon

import (
	"context"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/cluster"
	"github.com/smokepop/smokepop/internal/vault"
	"github.com/smokepop/smokepop/internal/web"
)

// A node learns whose the sessions are that begin at others, and the frames of those,
// and forgets those that end.
func TestANodeLearnsWhoSignsIn(t *testing.T) {
	store := newVault(t)
	l := learning{store, newSessionParts()}
	session, frame := web.SessionsPrefix+"s", web.FramesPrefix+"f"
	part := cluster.PartOf("a.example")
	put := func(path, value string) {
		t.Helper()
		if err := store.Put(t.Context(), path, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	// heard lets the node hear of what do does below a prefix, and of nothing else.
	heard := func(prefix string, do func()) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		changes := l.Watch(ctx, prefix)
		do()
		put(prefix+"last", `{"tenant":"last.example"}`)
		for c := range changes {
			l.hear(ctx, prefix, c)
			if strings.HasSuffix(c.Path, "last") {
				break
			}
		}
	}
	is := func(path string, want bool) {
		t.Helper()
		if got, known := l.sessions.part(path); known != want || known && got != part {
			t.Errorf("%s is of part %d, %t; want %d, %t", path, got, known, part, want)
		}
	}
	begins := func() { put(frame, `{"session":"s"}`) }
	heard(web.FramesPrefix, begins)
	is(frame, false) // its session is not known
	heard(web.SessionsPrefix, func() { put(session, `{"tenant":"a.example","extension":"40"}`) })
	heard(web.FramesPrefix, begins)
	is(session, true)
	is(frame, true)
	for prefix, path := range map[string]string{web.SessionsPrefix: session, web.FramesPrefix: frame} {
		heard(prefix, func() {
			if _, err := store.Delete(t.Context(), path, 0); err != nil {
				t.Fatal(err)
			}
		})
		is(path, false)
	}

	// Where it has missed some it reads those that it does not know.
	put(session, `{"tenant":"a.example","extension":"40"}`)
	l.hear(t.Context(), web.SessionsPrefix, vault.Change{Missed: true})
	is(session, true)
}
