package main

import (
	"slices"
	"strings"
	"testing"
)

// step is a block of docs/install.md that a newcomer does: pastes, or writes
// into a file.
type step struct {
	block
	ways    []string // who does it; none: everybody
	file    string   // written with the block's text
	edit    string   // a configuration whose keys take the block's values
	without string   // a key that is taken out of it
}

// guideWays are the ways through docs/install.md.
func guideWays() []string { return []string{"package", "tarball", "nginx", "caddy"} }

// guide returns the steps of one way through docs/install.md, in their order.
func guide(t *testing.T, text, way string) []step {
	t.Helper()
	var steps []step
	for _, b := range blocksOf(text) {
		words := strings.Fields(b.info)
		if len(words) < 2 {
			t.Fatalf("line %d of the guide: a block says what it is and who does it: %q", b.line, b.info)
		}
		s := step{block: b}
		for _, w := range words[1:] {
			name, value, _ := strings.Cut(w, "=")
			switch name {
			case "walk":
				if value != "" {
					s.ways = strings.Split(value, ",")
				}
			case "file":
				s.file = value
			case "edit":
				s.edit = value
			case "without":
				s.without = value
			default:
				t.Fatalf("line %d of the guide: what is %q?", b.line, w)
			}
		}
		for _, w := range s.ways {
			if !slices.Contains(guideWays(), w) {
				t.Fatalf("line %d of the guide: %q is no way", b.line, w)
			}
		}
		if (words[0] == "sh") != (s.file == "" && s.edit == "") {
			t.Fatalf("line %d of the guide: a block is for the shell, or for a file: %q", b.line, b.info)
		}
		if s.ways == nil || slices.Contains(s.ways, way) {
			steps = append(steps, s)
		}
	}
	return steps
}

// Whatever is in a block of the install guide is walked on some way, by `make
// guide-test`.
func TestEveryBlockOfTheGuideIsWalked(t *testing.T) {
	for _, d := range documents(t) {
		if d.name != "docs/install.md" {
			continue
		}
		seen := map[int]bool{}
		for _, way := range guideWays() {
			steps := guide(t, d.text, way)
			if len(steps) < 8 {
				t.Errorf("%s has %d steps", way, len(steps))
			}
			for _, s := range steps {
				seen[s.line] = true
			}
		}
		if len(seen) != len(d.blocks) {
			t.Errorf("%d blocks are walked, and there are %d", len(seen), len(d.blocks))
		}
		return
	}
	t.Fatal("there is no docs/install.md")
}
