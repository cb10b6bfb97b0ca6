package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// confinement is a control group with a limit of memory, which the kernel holds
// by killing who is in it: what systemd makes of MemoryMax=. Kernel memory, such
// as sockets' buffers, counts in it.
type confinement struct {
	dir               string
	peak, kills, tell string // two files, and the line of the second that counts
}

// confine makes one, or skips where nobody may. It goes after the daemon has.
func confine(t *testing.T, limit int64) *confinement {
	t.Helper()
	name := fmt.Sprintf("smokepop-test-%d-%d", os.Getpid(), limit>>20)
	c := &confinement{dir: filepath.Join("/sys/fs/cgroup", name), peak: "memory.peak", kills: "memory.events", tell: "oom_kill"}
	bound := "memory.max"
	if on, err := os.ReadFile("/sys/fs/cgroup/cgroup.subtree_control"); err != nil || !strings.Contains(string(on), "memory") { // version 1
		c = &confinement{dir: filepath.Join("/sys/fs/cgroup/memory", name), peak: "memory.max_usage_in_bytes", kills: "memory.oom_control", tell: "oom_kill"}
		bound = "memory.limit_in_bytes"
	}
	if err := os.Mkdir(c.dir, 0o755); err != nil {
		t.Skipf("SKIPPED: no group with a limit of memory can be made here: %v", err)
	}
	t.Cleanup(func() {
		if err := os.Remove(c.dir); err != nil {
			t.Errorf("a control group is left behind: %v", err)
		}
	})
	if err := os.WriteFile(filepath.Join(c.dir, bound), []byte(strconv.FormatInt(limit, 10)), 0); err != nil {
		t.Skipf("SKIPPED: no limit of memory can be set here: %v", err)
	}
	return c
}

func (c *confinement) members() string { return filepath.Join(c.dir, "cgroup.procs") }

// used returns the most memory that was used, in MiB.
func (c *confinement) used(t *testing.T) float64 {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(c.dir, c.peak))
	if errors.Is(err, os.ErrNotExist) { // a kernel before 5.19
		return 0
	}
	n, err2 := strconv.ParseFloat(strings.TrimSpace(string(b)), 64)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return n / (1 << 20)
}

// killed returns how many processes the kernel has killed in it.
func (c *confinement) killed(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(c.dir, c.kills))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if name, n, _ := strings.Cut(strings.TrimSpace(line), " "); name == c.tell {
			return n
		}
	}
	return "0" // a kernel before 4.13 does not count
}

// MemoryMax= of the unit, and a fifth of it with GOMEMLIMIT in the same
// proportion, hold in the flood of TestHostileFlood: the daemon is not killed.
func TestHostileMemoryMax(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, soft string
		limit      int64 // MiB
	}{
		{"of the unit", "768MiB", 1024},
		{"a fifth of it", "154MiB", 205},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.limit == 1024 && force(0, 1) == 0 {
				t.Skip("with make hostile")
			}
			group := confine(t, c.limit<<20)
			firm := largeFirm(2)
			s := besiegeIn(t, group.members(), firm, unlimited, func(settings map[string]any) {
				for _, key := range []string{"requests_per_second", "burst"} {
					delete(settings["tenants"].([]map[string]any)[0]["smokeball"].(map[string]any), key)
				}
			}, "GOMEMLIMIT="+c.soft)
			s.withstands(firm.Agents[1], float64(c.limit))
			t.Logf("GOMEMLIMIT=%s in a group that may have %d MiB: %.1f MiB at most, kernel memory with it; %s killed", c.soft, c.limit, group.used(t), group.killed(t))
			if n := group.killed(t); n != "0" {
				t.Errorf("the kernel has killed %s", n)
			}
			s.leaves()
		})
	}
}
