package crashtest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

const seeds = 400

// outcomes are all images there are at a cut, as "path=content" with one letter
// for each sector.
func outcomes(l *Log, cut int, m Model) []string {
	seen := map[string]bool{}
	for seed := range uint64(seeds) {
		var parts []string
		image, _ := l.Crash(rand.New(rand.NewPCG(seed, 1)), cut, m)
		for path, data := range image {
			letters := ""
			for i := 0; i < len(data); i += sector {
				letters += strings.ReplaceAll(string(data[i]), "\x00", "0")
			}
			parts = append(parts, strings.TrimPrefix(path, "/d/")+"="+letters)
		}
		slices.Sort(parts)
		seen[strings.Join(parts, " ")] = true
	}
	var all []string
	for one := range seen {
		all = append(all, one)
	}
	slices.Sort(all)
	return all
}

// trace writes operations as places 0, 2, 4 and so on, each returning one later.
func trace(ops ...Op) *Log {
	for i := range ops {
		if ops[i].End == 0 {
			ops[i].Begin, ops[i].End = 2*i, 2*i+1
		}
	}
	return &Log{Ops: ops, Length: 2 * len(ops)}
}

func sectors(letters string) []byte {
	var b []byte
	for _, l := range letters {
		b = append(b, bytes.Repeat([]byte{byte(l)}, sector)...)
	}
	return b
}

func TestWhatACrashMayTake(t *testing.T) {
	made := Op{Kind: Name, File: 0, Path: "/d/f"}
	dir := Op{Kind: SyncDir, Path: "/d"}
	put := func(letters string, at int64) Op {
		return Op{Kind: Write, File: 0, Offset: at * sector, Data: sectors(letters)}
	}
	sync := Op{Kind: Sync, File: 0}
	for _, c := range []struct {
		name string
		ops  []Op
		want string
	}{
		{"a name that is not synced", []Op{made}, "| f="},
		{"a synced file whose name is not", []Op{made, put("a", 0), sync}, "| f=a"},
		{"what is synced is there", []Op{made, dir, put("ab", 0), sync}, "f=ab"},
		{"a write that is not synced", []Op{made, dir, put("a", 0), sync, put("b", 0)}, "f=a | f=b"},
		{"a torn write", []Op{made, dir, put("aa", 0), sync, put("bb", 0)}, "f=aa | f=ab | f=ba | f=bb"},
		{"the later without the earlier", []Op{made, dir, put("a", 0), put("b", 1)}, "f= | f=0b | f=a | f=ab"},
		{"a size that is not synced", []Op{made, dir, put("aa", 0), sync, {Kind: Truncate, Offset: sector}}, "f=a | f=aa"},
		{"a sync of another file", []Op{made, dir, put("a", 0), {Kind: Sync, File: 1}}, "f= | f=a"},
		{"a sync of the directory only", []Op{made, put("a", 0), dir}, "f= | f=a"},
		{"a sync that began before the write returned", []Op{
			made, dir, {Kind: Write, Data: sectors("a"), Begin: 4, End: 6}, {Kind: Sync, Begin: 5, End: 7},
		}, "f= | f=a"},
		{"a sync that has not returned", []Op{made, dir, put("a", 0), {Kind: Sync, Begin: 6, End: never}}, "f= | f=a"},
		{"a rename is one step", []Op{
			made, dir, put("a", 0), sync, {Kind: Name, File: 1, Path: "/d/g"}, dir,
			{Kind: Write, File: 1, Data: sectors("b")}, {Kind: Sync, File: 1}, {Kind: Name, File: 1, Path: "/d/f", From: "/d/g"},
		}, "f=a g=b | f=b"},
		{"a removal", []Op{made, dir, {Kind: Unname, Path: "/d/f"}}, "| f="},
		{"a removal that is synced", []Op{made, {Kind: Unname, Path: "/d/f"}, dir}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := trace(c.ops...)
			if got := strings.TrimSpace(strings.Join(outcomes(l, l.Length+2, Model{}), " | ")); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

func TestWhatIsLostWithoutSyncs(t *testing.T) {
	l := trace(
		Op{Kind: Name, Path: "/d/f"}, Op{Kind: SyncDir, Path: "/d"}, Op{Kind: Write, Data: sectors("a")}, Op{Kind: Sync},
		Op{Kind: Write, Data: sectors("b")}, Op{Kind: Sync},
	)
	for reach, want := range map[int]string{0: " | f= | f=a | f=b", 2: "f=a | f=b", 1: "f=b"} {
		if got := strings.Join(outcomes(l, l.Length, Model{IgnoreSyncs: true, Reach: reach}), " | "); got != want {
			t.Errorf("of the last %d: %s, want %s", reach, got, want)
		}
	}
	if got := outcomes(l, 9, Model{}); fmt.Sprint(got) != "[f=a f=b]" { // the second write has begun
		t.Errorf("at the second write: %q", got)
	}
	if got := outcomes(l, 8, Model{}); fmt.Sprint(got) != "[f=a]" {
		t.Errorf("before the second write: %q", got)
	}
}
