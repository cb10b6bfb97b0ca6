package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// sameWithin is how far the ratios of two runs may lie apart, of the smaller one.
const sameWithin = .15

var errDiffer = errors.New("there are ratios that the two runs do not agree on")

// compareRuns sets the ratios of two result files beside each other and returns
// errDiffer when some lie further apart than sameWithin.
func compareRuns(first, second string, out io.Writer) error {
	a, err := readReport(first)
	if err != nil {
		return err
	}
	b, err := readReport(second)
	if err != nil {
		return err
	}
	type figure struct{ of, name string }
	again := map[figure]row{}
	for _, r := range b.Rows {
		again[figure{r.Case, r.Figure}] = r
	}
	both, apart := 0, 0
	fmt.Fprintf(out, "| case | figure | ratio of %s | ratio of %s | apart | |\n|---|---|---|---|---|---|\n", a.Version, b.Version)
	for _, r := range a.Rows {
		s := again[figure{r.Case, r.Figure}]
		if r.Ratio == nil || s.Ratio == nil {
			continue
		}
		both++
		distance, verdict := apartBy(r.Ratio.Median, s.Ratio.Median), ""
		if distance > sameWithin {
			apart++
			verdict = "**apart**"
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s | %.0f %% | %s |\n", r.Case, r.Figure, r.Ratio.text(""), s.Ratio.text(""), distance*100, verdict)
	}
	if both == 0 {
		return fmt.Errorf("%s and %s have no ratio in common", first, second)
	}
	fmt.Fprintf(out, "\n%d of %d ratios are the same within %.0f %%.\n", both-apart, both, sameWithin*100)
	if apart > 0 {
		return errDiffer
	}
	return nil
}

// apartBy is by which share of the smaller one two ratios differ.
func apartBy(a, b float64) float64 {
	if a == b {
		return 0
	}
	return math.Abs(a-b) / math.Min(a, b)
}

func readReport(path string) (*report, error) {
	doc, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the results: %w", err)
	}
	var r report
	if err := json.Unmarshal(doc, &r); err != nil {
		return nil, fmt.Errorf("%s is no result file of the bench: %w", path, err)
	}
	return &r, nil
}
