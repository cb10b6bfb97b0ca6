package daemon

import (
	"io"
	"net/http"
	"strconv"

	"github.com/smokepop/smokepop/internal/web"
)

// All guesses of an address are counted in one place, at the owner of a part that is
// chosen by the address: who guesses at several nodes, and at tenants of several
// parts, has no more tries than at a daemon alone.

// guessesOf is the part where guesses of who asks are counted; -1 where there is
// none.
func (m *member) guessesOf(r *http.Request) int {
	return m.spread.Load().guessesOf(web.Client(r).String())
}

// counting returns the part that a request goes to first: of a password another one
// than its tenant's, where its guesses are counted.
func (f *front) counting(r *http.Request, part int, body []byte) int {
	if f.service != serviceAgents || !web.TriesPassword(r, body) {
		return part
	}
	counts := f.guessesOf(r)
	if counts < 0 || counts == part {
		return part // which counts it itself
	}
	r.Header.Set(headerThen, strconv.Itoa(part))
	return counts
}

// answer has a stack answer a request, or count a guess and let it go on. It is false
// when the stack is on its way out.
func (m *member) answer(s *stack, w http.ResponseWriter, r *http.Request, service string) bool {
	then, counts := partNamed(r.Header.Get(headerThen))
	if !counts {
		return s.serve(w, r, service)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyMost)) // it was within the limits before
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, msgBody)
		return true
	}
	s.web.Guess(w, r, func(w http.ResponseWriter) {
		on := r.Clone(r.Context())
		on.Header.Del(headerThen)
		m.browsers.to(w, on, then, body)
	})
	return true
}
