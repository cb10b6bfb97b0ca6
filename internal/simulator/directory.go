package simulator

import "slices"

// Account is a number on the PBX.
type Account struct {
	Number, Name, Kind string // Kind: extension, ringgroup, queue, attendant
	Members            []string
}

// The numbers of Vodia's sample plan for what is not a person.
const (
	RingGroup600 = "600"
	Queue700     = "700"
)

// Directory returns every account of the firm's PBX: the agents, a ring group
// and a queue of the intake, an auto attendant.
func (f *Firm) Directory() []Account {
	var out []Account
	var intake []string
	for _, a := range f.Agents {
		out = append(out, Account{Number: a.Extension, Name: a.Name, Kind: "extension"})
		if slices.Contains(a.Groups, "intake") {
			intake = append(intake, a.Extension)
		}
	}
	return append(out,
		Account{RingGroup600, "Intake", "ringgroup", intake},
		Account{Queue700, "New clients", "queue", intake},
		Account{"2000", "Welcome", "attendant", nil},
	)
}

func (f *Firm) account(number string) Account {
	for _, a := range f.Directory() {
		if a.Number == number {
			return a
		}
	}
	return Account{Number: number, Kind: "extension"}
}
