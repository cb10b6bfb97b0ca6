package vodia

import (
	"context"
	"strconv"
	"strings"
)

// Version is a PBX's version as its answers tell it; empty when they do not.
type Version struct {
	Name  string // such as 70.1
	Major int    // such as 70
	Shape Shape  // of the list of extensions
}

// Probe asks for the list of extensions, the least that smokepop needs, and
// tells what answered.
func (c *Client) Probe(ctx context.Context) (Version, error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	shape, _, err := c.extensions(ctx)
	if err != nil {
		return Version{}, err
	}
	v := Version{Shape: shape}
	if s := c.server.Load(); s != nil {
		v.Name, v.Major = decodeServer(*s)
	}
	return v, nil
}

// decodeServer reads the Server header of a PBX: PBX/70.1.
func decodeServer(header string) (name string, major int) {
	_, after, found := strings.Cut(header, "PBX/")
	if !found {
		return "", 0
	}
	end := strings.IndexFunc(after, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end >= 0 {
		after = after[:end]
	}
	if name = strings.Trim(after, "."); len(name) > 20 {
		return "", 0
	}
	digits, _, _ := strings.Cut(name, ".")
	if major, err := strconv.Atoi(digits); err == nil {
		return name, major
	}
	return "", 0
}
