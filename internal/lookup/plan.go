package lookup

import (
	"slices"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// Plan, its steps and their kinds are Smokeball's: see there.
type (
	Plan     = smokeball.SearchPlan
	Step     = smokeball.SearchStep
	StepKind = smokeball.SearchKind
)

// The ways to search. Exact is for a Smokeball whose wildcards do not do what
// they promise, and is left out once a Tail has been seen to work.
const (
	Tail  = smokeball.TailSearch
	Exact = smokeball.ExactSearch
)

// DefaultPlan is the plan for a country: the last four digits in the North
// American plan (617-399-8147), else the last three (0412 345 678).
func DefaultPlan(country string) Plan {
	digits := 3
	if country == "US" || country == "CA" {
		digits = 4
	}
	return Plan{{Kind: Tail, Digits: digits}, {Kind: Exact}}
}

// maxShort is the length up to which digits without a country code are a
// service number such as 131114, which has no tail worth the name.
const maxShort = 6

// fewEnough is how many digits a short number needs for few other numbers to
// contain it: 131114 does, 101 would bring half the address book.
const fewEnough = 5

// isShort tells whether n is searched for by its own digits alone.
func isShort(n screenpop.Number) bool {
	return !strings.HasPrefix(n.Canonical, "+") && len(n.Canonical) <= maxShort
}

// among returns the search for a short number among words or behind an area
// code, where few others contain it.
func among(n screenpop.Number) (pattern string, ok bool) {
	return "*" + n.Canonical + "*", isShort(n) && len(n.Canonical) >= fewEnough
}

// abroad is how many last digits stand together in most other countries.
const abroad = 3

// start is how many digits a tail search for n begins with. A step's digits
// are meant for the country's own numbers; +61 491 570 006 falls apart sooner.
func start(s Step, n screenpop.Number) int {
	if strings.HasPrefix(n.Display, "+") {
		return min(s.Digits, abroad)
	}
	return s.Digits
}

// tail returns the last digits of n, and whether there are more in front.
func tail(n screenpop.Number, digits int) (pattern string, more bool) {
	all := strings.TrimPrefix(n.Canonical, "+")
	if digits >= len(all) {
		return "*" + all + "*", false
	}
	return "*" + all[len(all)-digits:] + "*", true
}

// endsWith returns the search for numbers of which the last digits are n's. What
// is typed behind a number hides it from this search, and not from a tail's.
func endsWith(n screenpop.Number, digits int) string {
	pattern, _ := tail(n, digits)
	return strings.TrimSuffix(pattern, "*")
}

// exact returns the ways to write n without separators, the likeliest first.
func exact(n screenpop.Number) []string {
	international := strings.TrimPrefix(n.Canonical, "+")
	if isShort(n) {
		return []string{international}
	}
	national := onlyDigits(n.Display) // with the trunk 0, where there is one
	forms := []string{national, international, strings.TrimPrefix(national, "0")}
	var distinct []string
	for _, f := range forms {
		if len(f) > 1 && !slices.Contains(distinct, f) {
			distinct = append(distinct, f)
		}
	}
	return distinct
}

func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}
