package web

// NewMemory returns a store that forgets.
func NewMemory() Store { return &memory{values: map[string][]byte{}, at: map[string]uint64{}} }
