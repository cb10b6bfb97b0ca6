package smokeball

import (
	"context"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// salvage is what can be saved of a token answer that is no good as a whole:
// its refresh token. Where the server rotates, that is the only one that works
// from then on, and golang.org/x/oauth2 drops it with the answer.
type salvage struct{ refresh string }

type salvageKey struct{}

// withSalvage returns a context for one token request, and what is salvaged
// from its answer.
func withSalvage(ctx context.Context) (context.Context, *salvage) {
	s := &salvage{}
	return context.WithValue(ctx, salvageKey{}, s), s
}

func salvageOf(ctx context.Context) *salvage {
	if s, ok := ctx.Value(salvageKey{}).(*salvage); ok {
		return s
	}
	return &salvage{}
}

// grant is what was salvaged, after a request that sent a refresh token, or
// none.
func (s *salvage) grant(sent string) Grant {
	if s.refresh == sent {
		return Grant{}
	}
	return Grant{RefreshToken: screenpop.Secret(s.refresh)}
}
