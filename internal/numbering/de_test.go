package numbering

import "testing"

// Germany has numbers of many lengths: there what stands in the box for the
// area code cannot be told from the number's validity alone.
func TestDEStored(t *testing.T) {
	checkStored(t, mustPlan(t, "DE", ""), []storedRow{
		{"030", "21012345", one("+493021012345"), "21012345 would be a number of its own"},
		{"030", "03021012345", one("+493021012345"), "area code doubled"},
		{"30", "3021012345", one("+493021012345"), "area code doubled, without trunk 0"},
		{"", "030/21012345", one("+493021012345"), "a slash behind the area code"},
		{"", "+49 (0)30 21012345", one("+493021012345"), "trunk 0 in brackets"},
	})
}
