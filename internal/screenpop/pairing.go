package screenpop

import "time"

// PairingState is how an agent's authorisation at Smokeball stands.
type PairingState string

// The pairing states. Attention: tokens are there but Smokeball refuses them
// for a reason the admin has to look at.
const (
	Paired    PairingState = "paired"
	Unpaired  PairingState = "unpaired"
	Expired   PairingState = "expired"
	Attention PairingState = "attention"
)

// Pairing is what an agent may know of his or her own authorisation. It holds
// no secret.
type Pairing struct {
	State PairingState `json:"state"`
	// Since is when the agent signed in at Smokeball; nil when not paired.
	Since *time.Time `json:"since"`
	// Expires is when Smokeball's refresh token ends and the agent has to pair
	// again; nil when not paired.
	Expires *time.Time `json:"expires"`
	// Account tells who is paired at Smokeball: a name, an e-mail or the
	// firm's name, as far as the API lets us know.
	Account string `json:"account"`
	// EmailMatches tells whether the Smokeball user has the extension's
	// e-mail; nil when that could not be found out.
	EmailMatches *bool `json:"email_matches"`
	// Problem is one plain sentence for the agent; empty when all is well.
	Problem string `json:"problem"`
}
