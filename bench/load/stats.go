package main

import (
	"cmp"
	"math"
	"slices"
)

// quantile returns the value below which a share of the values lies.
func quantile[T cmp.Ordered](values []T, share float64) T {
	sorted := slices.Sorted(slices.Values(values))
	i := int(math.Ceil(share*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

// spread is what repetitions gave.
type spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"` // the least and the most of all repetitions
	High   float64 `json:"high"`
}

// spreadOf returns the median of repetitions and how far they lie apart.
func spreadOf(values []float64) spread {
	return spread{median(values), slices.Min(values), slices.Max(values)}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// ratios divides the repetitions of one server by those of the other that ran
// next to them, so that what else the machine did falls out.
func ratios(ours, theirs []float64) []float64 {
	out := make([]float64, min(len(ours), len(theirs)))
	for i := range out {
		out[i] = ours[i] / theirs[i]
	}
	return out
}
