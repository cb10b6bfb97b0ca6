package tokens

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// maxClaims is far more than any access token's payload.
const maxClaims = 16 << 10

// userIDs returns the ids of the user an access token names, where it is a JWT
// (contract 2.8: sub and username). Nothing is verified and nothing relies on
// it but a hint to the agent: the token came from Smokeball's own answer.
func userIDs(token screenpop.Secret) []string {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 || len(parts[1]) > maxClaims {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return nil
	}
	var claims map[string]json.RawMessage
	if json.Unmarshal(payload, &claims) != nil {
		return nil
	}
	var ids []string
	for _, name := range []string{"sub", "username"} {
		var id string
		if json.Unmarshal(claims[name], &id) == nil && id != "" && len(id) <= 128 && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}
