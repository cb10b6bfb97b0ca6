package config

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	Path string // the key, for example tenants[0].region; or the file itself
	Text string // what is wrong and what to do; one line, no secret
}

// String returns the problem as an admin reads it.
func (p Problem) String() string { return p.Path + ": " + p.Text }

// Problems is everything that is wrong with a configuration, as one error.
type Problems []Problem

// Error lists the problems, one on a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// findings collects problems and warnings while a configuration is read.
type findings struct {
	problems Problems
	warnings []string
	refused  map[string]bool
}

func newFindings() *findings { return &findings{refused: map[string]bool{}} }

// problem says what is wrong with the value at path, which is not used then.
func (f *findings) problem(path, format string, args ...any) {
	f.oddity(path, format, args...)
	f.refused[path] = true
}

// oddity says what is wrong at path beside its value.
func (f *findings) oddity(path, format string, args ...any) {
	text := strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")
	f.problems = append(f.problems, Problem{path, text})
}

func (f *findings) warn(path, format string, args ...any) {
	f.warnings = append(f.warnings, path+": "+fmt.Sprintf(format, args...))
}

// known tells whether one of the paths, or what it is a part of, was refused
// already: what follows from a problem is not one more.
func (f *findings) known(paths ...string) bool {
	for _, path := range paths {
		for path != "" {
			if f.refused[path] {
				return true
			}
			path = path[:max(strings.LastIndexAny(path, ".["), 0)]
		}
	}
	return false
}

// quote shows a value in a problem, cut where it is long.
func quote(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "..."
	}
	return fmt.Sprintf("%q", s)
}
