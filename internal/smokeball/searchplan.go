package smokeball

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// SearchPlan is how Smokeball is searched for a number: its steps are taken in
// order until one brings a contact that has the number. What a search for a
// phone really looks at is not documented, so the plan is data.
type SearchPlan []SearchStep

// SearchStep is one way to search.
type SearchStep struct {
	Kind SearchKind
	// Digits is how many of the number's last digits a TailSearch asks for.
	Digits int
}

// SearchKind is a way to search.
type SearchKind string

const (
	// TailSearch asks for numbers that contain the last digits. They stand
	// together in every common way of writing, so that it finds a number however
	// it is typed, beside others that have to be sorted out.
	TailSearch SearchKind = "tail"
	// ExactSearch asks for the whole number as it may have been typed without
	// any separator: as people of the country write it, with the country code,
	// without the trunk 0.
	ExactSearch SearchKind = "exact"
)

// The digits a tail may have: fewer find everybody, more fall apart in how
// numbers are typed.
const (
	minTail = 2
	maxTail = 10
)

// ParseSearchPlan reads a plan as it is configured, "tail:4" or "exact" a
// step. A problem names the step by its index, in a *StepError.
func ParseSearchPlan(steps []string) (SearchPlan, error) {
	var p SearchPlan
	for i, written := range steps {
		kind, digits, tail := strings.Cut(written, ":")
		step := SearchStep{Kind: SearchKind(kind)}
		if tail {
			n, err := strconv.Atoi(digits)
			if err != nil || strconv.Itoa(n) != digits {
				return nil, &StepError{i, fmt.Sprintf("%q is no step of a search: use tail:4 or exact", written)}
			}
			step.Digits = n
		}
		p = append(p, step)
		if err := p.Check(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// StepError tells which step of a plan cannot be taken.
type StepError struct {
	Step    int
	Problem string
}

func (e *StepError) Error() string {
	return fmt.Sprintf("search plan, step %d: %s", e.Step+1, e.Problem)
}

// Check returns a *StepError for the first step that makes no sense.
func (p SearchPlan) Check() error {
	for i, s := range p {
		switch {
		case s.Kind != TailSearch && s.Kind != ExactSearch:
			return &StepError{i, fmt.Sprintf("unknown kind %q: use tail:4 or exact", s.Kind)}
		case s.Kind == TailSearch && (s.Digits < minTail || s.Digits > maxTail):
			return &StepError{i, fmt.Sprintf("a tail has %d to %d digits: tail:4", minTail, maxTail)}
		case s.Kind == ExactSearch && s.Digits != 0:
			return &StepError{i, "exact takes no digits"}
		case slices.Contains(p[:i], s):
			return &StepError{i, s.String() + " stands there twice"}
		}
	}
	return nil
}

// String returns the step as it is configured.
func (s SearchStep) String() string {
	if s.Kind == TailSearch {
		return string(s.Kind) + ":" + strconv.Itoa(s.Digits)
	}
	return string(s.Kind)
}

// Strings returns the plan as it is configured.
func (p SearchPlan) Strings() []string {
	out := make([]string, len(p))
	for i, s := range p {
		out[i] = s.String()
	}
	return out
}
