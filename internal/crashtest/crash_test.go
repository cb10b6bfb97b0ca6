package crashtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// The number of images of each run, and the seed of the first: each image has
// the seed after that of the one before it, and can be made again from its own.
const (
	imagesEnv = "SMOKEPOP_CRASH_IMAGES"
	seedEnv   = "SMOKEPOP_CRASH_SEED"
)

// controls is how many images a control is made of: enough that some lose a
// token, of which one in ten does.
const controls = 200

func setting(t testing.TB, name string, or uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return or
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// recordRun runs what in a process of its own under strace.
func recordRun(t testing.TB, what string) (*Log, string) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a traced process")
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("SKIPPED: strace is not installed, so no crash images can be made (scripts/test-tools.sh installs it)")
	}
	if out, err := exec.CommandContext(t.Context(), strace, "-f", "-qq", "-o", os.DevNull, "-e", "trace=fsync", os.Args[0], "-test.run=^$").CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: strace may not trace here (ptrace is not permitted, as in some containers), so no crash images can be made: %v\n%s", err, out)
	}
	// The links in the temporary directory's own path would not be in the
	// trace's paths.
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	for _, d := range []string{stateDir(dir), filepath.Dir(keyFile(dir))} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), strace, append(TraceOptions(), "-o", trace, os.Args[0], "-test.run=^$")...)
	cmd.Env = append(os.Environ(), runEnv+"="+what, dirEnv+"="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("the traced run: %v\n%s", err, stderr.Bytes())
	}
	f, err := os.Open(trace)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l, err := ReadLog(f, stateDir(dir), filepath.Dir(keyFile(dir)))
	if err != nil {
		t.Fatal(err)
	}
	return l, dir
}

// agentHistory is what an agent's authorisation was to become, in order. The
// first is none.
type agentHistory struct {
	was   []pair
	begun []int // the place in the trace where each was said to be about to come
	saved []int // and where it was acknowledged; never where it was not
}

// histories reads the words of a run.
func histories(l *Log) (map[string]*agentHistory, error) {
	all := map[string]*agentHistory{}
	for _, op := range l.Ops {
		if op.Kind != Say {
			continue
		}
		var w word
		if err := json.Unmarshal(op.Data, &w); err != nil {
			return nil, fmt.Errorf("the run says %q: %w", op.Data, err)
		}
		h := all[w.Agent]
		if h == nil {
			h = &agentHistory{was: []pair{{}}, begun: []int{0}, saved: []int{0}}
			all[w.Agent] = h
		}
		last := len(h.was) - 1
		switch {
		case !w.Saved:
			h.was, h.begun, h.saved = append(h.was, pair{w.Access, w.Refresh}), append(h.begun, op.Begin), append(h.saved, never)
		case w.Access != h.was[last].Access:
			return nil, errors.New("the run acknowledges another token than the newest")
		default:
			h.saved[last] = op.Begin
		}
	}
	return all, nil
}

// allowed returns what an image of a cut may hold: the last that was
// acknowledged, and what was under way after it.
func (h *agentHistory) allowed(cut int) (may []pair, acknowledged bool) {
	first := 0
	for i, at := range h.saved {
		if at < cut {
			first = i
		}
	}
	for i := first; i < len(h.was) && h.begun[i] < cut; i++ {
		may = append(may, h.was[i])
	}
	return may, first > 0
}

// tally counts how images ended.
type tally struct {
	whole   int // opened, and all that was acknowledged is there
	lost    int // opened, and something acknowledged is not
	refused int // did not open, with an error that says why
	mute    int // did not open, with an error that is none of the vault's
	died    int // ended the process that opened it
	wrong   int // opened, and does not work or holds what nobody wrote
	early   int // of those that were refused: nothing had been acknowledged yet
	short   int // of all: something that was written is not there, or torn
}

func (c tally) String() string {
	return fmt.Sprintf("%d images, %d of them with less than was written: %d whole, %d with a token lost, %d refused with a reason (%d before any token), %d refused without, %d wrong, %d killed the process",
		c.whole+c.lost+c.refused+c.mute+c.died+c.wrong, c.short, c.whole, c.lost, c.refused, c.early, c.mute, c.wrong, c.died)
}

// judge says how an image of a cut ended, and why where that is not well.
func (c *tally) judge(f found, cut int, all map[string]*agentHistory) (problem string) {
	acknowledged := false
	for agent, h := range all {
		may, acked := h.allowed(cut)
		acknowledged = acknowledged || acked
		if got := f.Tokens[agent]; f.Refused == "" && f.Wrong == "" && !slices.Contains(may, got) {
			problem = fmt.Sprintf("agent %s has %v, may have %v", agent, got, may)
			if !slices.Contains(h.was, got) {
				f.Wrong = problem
			}
		}
	}
	switch {
	case f.Died:
		c.died++
		return "the process that opens it died: " + f.Refused
	case f.Wrong != "":
		c.wrong++
		return f.Wrong
	case f.Refused != "" && !f.Typed:
		c.mute++
		return "refused without a reason: " + f.Refused
	case f.Refused != "":
		c.refused++
		if acknowledged {
			return "a token was acknowledged and the store does not open: " + f.Refused
		}
		c.early++
		if !f.NoKey {
			return "a first start that was cut off leaves a store that does not open: " + f.Refused
		}
		return ""
	case problem != "":
		c.lost++
		return problem
	}
	c.whole++
	return ""
}

// crash makes images of a run and opens them.
func crash(t *testing.T, l *Log, from string, images, seed uint64, model func(*rand.Rand) Model, bad func(seed uint64, problem string)) tally {
	t.Helper()
	all, err := histories(l)
	if err != nil {
		t.Fatal(err)
	}
	var (
		mu      sync.Mutex
		counts  tally
		workers sync.WaitGroup
		next    = make(chan uint64)
	)
	for w := range 2 {
		dir := filepath.Join(t.TempDir(), fmt.Sprint("image-", w))
		workers.Go(func() {
			o := &opener{}
			defer o.close()
			for seed := range next {
				chance := rand.New(rand.NewPCG(seed, 0))
				cut := chance.IntN(l.Length + 1)
				image, taken := l.Crash(chance, cut, model(chance))
				f, err := o.open(image, from, dir)
				if err != nil {
					t.Error(err)
					continue
				}
				mu.Lock()
				if taken > 0 {
					counts.short++
				}
				if problem := counts.judge(f, cut, all); problem != "" {
					bad(seed, problem)
				}
				mu.Unlock()
			}
		})
	}
	for i := range images {
		next <- seed + i
	}
	close(next)
	workers.Wait()
	return counts
}

// No crash loses an acknowledged token or leaves a store that does not open:
// 100 images of each run, or as many as SMOKEPOP_CRASH_IMAGES says. The control
// ignores syncs; there tokens have to be lost, or the method could not see it.
func TestCrashImages(t *testing.T) {
	images, seed := setting(t, imagesEnv, 100), setting(t, seedEnv, rand.Uint64()>>1)
	for what := range runs {
		t.Run(what, func(t *testing.T) {
			l, from := recordRun(t, what)
			t.Run("syncs", func(t *testing.T) {
				counts := crash(t, l, from, images, seed, func(*rand.Rand) Model { return Model{} }, func(seed uint64, problem string) {
					t.Errorf("seed %d: %s", seed, problem)
				})
				t.Logf("%v; %d operations, first seed %d", counts, len(l.Ops), seed)
			})
			t.Run("control", func(t *testing.T) {
				counts := crash(t, l, from, controls, seed, func(chance *rand.Rand) Model {
					return Model{IgnoreSyncs: true, Reach: []int{0, 4, 6, 8, 12, 100}[chance.IntN(6)]}
				}, func(uint64, string) {})
				t.Logf("%v; first seed %d", counts, seed)
				if counts.lost == 0 || counts.refused == counts.early {
					t.Error("without syncs nothing is lost: the method would not see a loss")
				}
			})
		})
	}
}
