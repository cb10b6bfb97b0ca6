package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/simulator"
)

// betweenReplays is the pause before a scenario is played again.
const betweenReplays = 15 * time.Second

// scenarioNamed reads a scenario from a file, or finds one that comes with the
// simulator.
func scenarioNamed(name string) (simulator.Recording, error) {
	if strings.ContainsAny(name, "./") {
		f, err := os.Open(name)
		if err != nil {
			return simulator.Recording{}, fmt.Errorf("--scenario: %w", err)
		}
		r, err := simulator.ReadRecording(name, f)
		return r, errors.Join(err, f.Close())
	}
	all, err := simulator.Recordings()
	if err != nil {
		return simulator.Recording{}, err
	}
	var names []string
	for _, r := range all {
		if r.Name == name {
			return r, nil
		}
		names = append(names, r.Name)
	}
	return simulator.Recording{}, fmt.Errorf("--scenario: there is no %q. Name a file, or one of: %s", name, strings.Join(names, ", "))
}

// watchers are the agents who see anything of a scenario.
func watchers(r simulator.Recording) []simulator.Agent {
	seen := map[string]bool{}
	for _, s := range r.Sights {
		for extension, v := range s.Views {
			seen[extension] = seen[extension] || len(v.Pops)+len(v.Recent) > 0
		}
	}
	agents := r.NewFirm().Agents
	list := slices.DeleteFunc(slices.Clone(agents), func(a simulator.Agent) bool { return !seen[a.Extension] })
	if len(list) == 0 {
		return agents[:1] // who sees to it that nothing is to be seen
	}
	return list
}

// replay plays a scenario again and again and tells what has to be seen.
func (w *demoWorld) replay(ctx context.Context, out io.Writer, r simulator.Recording, d simulator.Disorder) error {
	for n := 1; ctx.Err() == nil; n++ {
		fmt.Fprintf(out, "%s %s: %s\n", time.Now().Format(time.TimeOnly), r.Name, r.Title)
		_, err := w.pbx[0].Replay(ctx, r.Renamed(fmt.Sprintf("%s-%d-", r.Name, n)), simulator.ReplayOptions{
			Disorder: d, Seed: uint64(n),
			Sight: func(_ context.Context, s simulator.Sight) error {
				fmt.Fprintf(out, "%s   %s\n", time.Now().Format(time.TimeOnly), inWords(s))
				return nil
			},
		})
		if err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-time.After(betweenReplays):
		case <-ctx.Done():
		}
	}
	return nil
}

// inWords tells what agents see at a moment.
func inWords(s simulator.Sight) string {
	if s.Loose {
		return "no pop is left"
	}
	var words []string
	for _, extension := range slices.Sorted(maps.Keys(s.Views)) {
		for _, p := range s.Views[extension].Pops {
			words = append(words, fmt.Sprintf("%s sees %s, %s", extension, strings.Join(p.Contacts, " and "), p.State))
		}
	}
	if words == nil {
		return "no pop is to be seen"
	}
	return strings.Join(words, "; ")
}
