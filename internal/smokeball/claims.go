package smokeball

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// maxClaims is far more than any access token's payload.
const maxClaims = 16 << 10

// Claims are what an access token says of itself, where it is a JWT. Nothing is
// verified, and nothing may rely on it but hints: the token came from
// Smokeball's own answer.
type Claims struct {
	UserIDs []string // of the user (contract 2.8: sub and username), each once
	Scopes  []string // nil: it names none
}

// ReadClaims reads a token's claims; what cannot be read is empty.
func ReadClaims(token screenpop.Secret) (c Claims) {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 || len(parts[1]) > maxClaims {
		return c
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return c
	}
	var claims map[string]json.RawMessage
	if json.Unmarshal(payload, &claims) != nil {
		return c
	}
	for _, name := range []string{"sub", "username"} {
		var id string
		if json.Unmarshal(claims[name], &id) == nil && id != "" && len(id) <= 128 && !slices.Contains(c.UserIDs, id) {
			c.UserIDs = append(c.UserIDs, id)
		}
	}
	var scopes string
	if json.Unmarshal(claims["scope"], &scopes) == nil {
		c.Scopes = strings.Fields(scopes)
	}
	return c
}
