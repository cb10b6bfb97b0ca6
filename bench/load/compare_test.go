package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

func TestTwoRunsAreCompared(t *testing.T) {
	write := func(name string, rows ...row) string {
		path := filepath.Join(t.TempDir(), name)
		if err := (&report{Version: name, Rows: rows}).write(path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ratio := func(of string, v float64) row { return compare(of, "p50", "ms", []float64{v}, []float64{1}, nil) }
	first := write("first", ratio("cached", 1.0), ratio("storm", 2.0), ratio("gone", 1), single("start", "until READY", "ms", []float64{100}, nil))
	for name, c := range map[string]struct {
		second string
		code   int
		says   []string
		not    string
	}{
		"near":              {write("near", ratio("storm", 1.75), ratio("cached", 1.14)), 0, []string{"2 of 2 ratios", "14 %"}, "apart**"},
		"one is apart":      {write("apart", ratio("cached", 1.0), ratio("storm", 2.31)), 1, []string{"1 of 2 ratios", "16 % | **apart**"}, "start"},
		"nothing in common": {write("other", ratio("new", 1)), 1, []string{"no ratio in common"}, "ratios are"},
		"no such file":      {filepath.Join(t.TempDir(), "none"), 1, []string{"read the results"}, "ratios are"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := run([]string{"-compare", first, c.second}, nil, &out, &errs)
			said := out.String() + errs.String()
			if code != c.code || strings.Contains(said, c.not) {
				t.Errorf("exit code %d\n%s", code, said)
			}
			for _, s := range c.says {
				if !strings.Contains(said, s) {
					t.Errorf("nothing says %q:\n%s", s, said)
				}
			}
		})
	}
	var errs bytes.Buffer
	if code := run([]string{"-compare", first}, nil, &errs, &errs); code != 2 {
		t.Errorf("with one file: exit code %d, %s", code, &errs)
	}
}
