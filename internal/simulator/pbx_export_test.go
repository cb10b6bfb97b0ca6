package simulator

// DialForTest asks for a call without HTTP around it.
func (p *PBX) DialForTest(d Dial) { p.dials <- d }

// LiveForTest is what is on, "101 connected" for each extension of each call.
func (p *PBX) LiveForTest() []string {
	p.live.mu.Lock()
	defer p.live.mu.Unlock()
	var out []string
	for _, e := range p.live.list(p.opts) {
		for _, x := range e.Extension {
			out = append(out, x+" "+e.State)
		}
	}
	return out
}
