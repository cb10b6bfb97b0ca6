package smokeball

import (
	"errors"
	"reflect"
	"slices"
	"testing"
)

func TestParseSearchPlan(t *testing.T) {
	for _, c := range []struct {
		written []string
		want    SearchPlan
		wrong   int // the step that is refused; -1: none
	}{
		{nil, nil, -1},
		{[]string{"tail:4", "exact"}, SearchPlan{{TailSearch, 4}, {Kind: ExactSearch}}, -1},
		{[]string{"exact", "tail:10", "tail:2"}, SearchPlan{{Kind: ExactSearch}, {TailSearch, 10}, {TailSearch, 2}}, -1},
		{[]string{"tail"}, nil, 0},
		{[]string{"tail:1"}, nil, 0},
		{[]string{"exact", "tail:11"}, nil, 1},
		{[]string{"tail:04"}, nil, 0},
		{[]string{"tail:+4"}, nil, 0},
		{[]string{"tail: 4"}, nil, 0},
		{[]string{"tail:-4"}, nil, 0},
		{[]string{"tail:4:4"}, nil, 0},
		{[]string{"Exact"}, nil, 0},
		{[]string{"exact:3"}, nil, 0},
		{[]string{"exact", ""}, nil, 1},
		{[]string{"*"}, nil, 0},
		{[]string{"tail:4", "exact", "tail:4"}, nil, 2},
	} {
		got, err := ParseSearchPlan(c.written)
		var step *StepError
		if wrong := errors.As(err, &step); wrong != (c.wrong >= 0) || wrong && step.Step != c.wrong || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %v, %v", c.written, got, err)
		}
		if err == nil && !slices.Equal(got.Strings(), c.written) {
			t.Errorf("%q is written as %q", c.written, got.Strings())
		}
	}
}
