package web

// NewMemory returns a store that forgets.
func NewMemory() Store { return &memory{values: map[string][]byte{}, at: map[string]uint64{}} }

// SetAway has a store of NewMemory not answer for a while.
func SetAway(s Store, is bool) {
	m := s.(*memory)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = nil
	if is {
		m.broken = away{}
	}
}
