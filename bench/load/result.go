package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"time"
)

// report is what a run found, as the result file has it.
type report struct {
	Began       time.Time `json:"began"`
	Took        string    `json:"took"`
	Version     string    `json:"version"`
	Go          string    `json:"go"`
	Processors  int       `json:"processors"`
	Repetitions int       `json:"repetitions"`
	Rows        []row     `json:"rows"`
}

// row is one figure of one case.
type row struct {
	Case   string `json:"case"`
	Figure string `json:"figure"`
	Unit   string `json:"unit"`
	// Smokepop and Baseline are the figure of each; Ratio that of repetitions
	// that ran next to each other. Baseline and Ratio are absent where the
	// baseline has nothing like it.
	Smokepop spread  `json:"smokepop"`
	Baseline *spread `json:"baseline,omitempty"`
	Ratio    *spread `json:"ratio,omitempty"`
	// Itself says that Baseline is smokepop in other circumstances.
	Itself bool    `json:"itself,omitempty"`
	Target *target `json:"target,omitempty"`
	Met    *bool   `json:"met,omitempty"`
}

// target is a bound on the median of the ratio, where there is one, else of
// smokepop's own figure.
type target struct {
	AtMost  float64 `json:"at_most,omitempty"`
	AtLeast float64 `json:"at_least,omitempty"`
	Own     bool    `json:"own,omitempty"` // on smokepop's own figure although there is a ratio
}

func atMost(v float64) *target    { return &target{AtMost: v} }
func atLeast(v float64) *target   { return &target{AtLeast: v} }
func ownAtMost(v float64) *target { return &target{AtMost: v, Own: true} }

func (t *target) met(v float64) bool {
	return (t.AtMost == 0 || v <= t.AtMost) && (t.AtLeast == 0 || v >= t.AtLeast)
}

// compare is a row with a baseline; the two have a value for each repetition.
func compare(of, figure, unit string, ours, theirs []float64, t *target) row {
	base, ratio := spreadOf(theirs), spreadOf(ratios(ours, theirs))
	r := row{Case: of, Figure: figure, Unit: unit, Smokepop: spreadOf(ours), Baseline: &base, Ratio: &ratio}
	return r.against(t)
}

// compareOwn is a row whose ratio is to smokepop itself in other circumstances;
// they stand where the baseline's figure does.
func compareOwn(of, figure, unit string, ours, otherwise []float64, t *target) row {
	r := compare(of, figure, unit, ours, otherwise, t)
	r.Itself = true
	return r
}

// single is a row without a baseline.
func single(of, figure, unit string, ours []float64, t *target) row {
	r := row{Case: of, Figure: figure, Unit: unit, Smokepop: spreadOf(ours)}
	return r.against(t)
}

func (r row) against(t *target) row {
	if t == nil {
		return r
	}
	v := r.Smokepop.Median
	if r.Ratio != nil && !t.Own {
		v = r.Ratio.Median
	}
	met := t.met(v)
	r.Target, r.Met = t, &met
	return r
}

func newReport(version string, repetitions int) *report {
	return &report{Began: time.Now().UTC(), Version: version, Go: runtime.Version(), Processors: runtime.NumCPU(), Repetitions: repetitions}
}

func (r *report) write(path string) error {
	doc, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append(doc, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return nil
}
