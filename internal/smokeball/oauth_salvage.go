package smokeball

import (
	"bytes"
	"context"
	"encoding/json"

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

// refreshTokenIn returns the refresh token of a JSON answer that breaks off,
// is followed by something else, or is too long: what stands before that came
// whole. It is empty where there is none, or an error code.
func refreshTokenIn(body []byte) string {
	d := json.NewDecoder(bytes.NewReader(body))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return ""
	}
	said := map[string]string{}
	for {
		key, err := d.Token()
		name, isName := key.(string)
		if err != nil || !isName {
			break
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			break
		}
		if name == "refresh_token" || name == "error" {
			var text string // stays empty for what is no text
			_ = json.Unmarshal(value, &text)
			said[name] = text
		}
	}
	if said["error"] != "" {
		return ""
	}
	return said["refresh_token"]
}
