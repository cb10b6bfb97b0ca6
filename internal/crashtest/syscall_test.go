package crashtest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// quoted writes s the way strace -xx does.
func quoted(s string) string {
	out := `"`
	for i := range len(s) {
		out += fmt.Sprintf(`\x%02x`, s[i])
	}
	return out + `"`
}

func say(o Op) string {
	switch o.Kind {
	case Write:
		return fmt.Sprintf("write %d@%d %s", o.File, o.Offset, o.Data)
	case Truncate:
		return fmt.Sprintf("truncate %d to %d", o.File, o.Offset)
	case Sync:
		return fmt.Sprintf("sync %d", o.File)
	case Name:
		return strings.TrimSuffix(fmt.Sprintf("name %d %s from %s", o.File, o.Path, o.From), " from ")
	case Unname:
		return "unname " + o.Path
	case SyncDir:
		return "syncdir " + o.Path
	}
	return fmt.Sprintf("say %s", o.Data)
}

func TestReadLog(t *testing.T) {
	f, g, tmp := quoted("/d/f"), quoted("/d/g"), quoted("/d/tmp")
	for _, c := range []struct{ name, trace, want string }{
		{"a file that is written", `
1 openat(AT_FDCWD, ` + f + `, O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 5
1 pwrite64(5, ` + quoted("abc") + `, 3, 4096) = 3
1 write(5, ` + quoted("xyz") + `, 3) = 2
1 write(5, ` + quoted("q") + `, 1) = 1
1 ftruncate(5, 32768) = 0
1 fdatasync(5) = 0
1 close(5) = 0
1 write(5, ` + quoted("elsewhere") + `, 9) = 9
`, "name 0 /d/f, write 0@4096 abc, write 0@0 xy, write 0@2 q, truncate 0 to 32768, sync 0"},
		{"threads", `
1 openat(AT_FDCWD, ` + f + `, O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 5
1 pwrite64(5, ` + quoted("a") + `, 1, 0 <unfinished ...>
2 fsync(5 <unfinished ...>
1 <... pwrite64 resumed>) = 1
1 write(1, ` + quoted("done") + `, 4) = 4
2 <... fsync resumed>) = 0
`, "name 0 /d/f, write 0@0 a, sync 0, say done"},
		{"a descriptor that is given out again", `
1 openat(AT_FDCWD, ` + f + `, O_RDWR|O_CREAT, 0600) = 5
1 close(5 <unfinished ...>
2 openat(AT_FDCWD, ` + g + `, O_RDWR|O_CREAT, 0600) = 5
1 <... close resumed>) = 0
2 write(5, ` + quoted("a") + `, 1) = 1
2 fcntl(5, F_DUPFD_CLOEXEC, 0) = 6
2 fsync(6) = 0
`, "name 0 /d/f, name 1 /d/g, write 1@0 a, sync 1"},
		{"names", `
1 openat(AT_FDCWD, ` + tmp + `, O_WRONLY|O_CREAT|O_EXCL, 0600) = 5
1 linkat(AT_FDCWD, ` + tmp + `, AT_FDCWD, ` + f + `, 0) = 0
1 renameat(AT_FDCWD, ` + tmp + `, AT_FDCWD, ` + g + `) = 0
1 unlinkat(AT_FDCWD, ` + tmp + `, 0) = -1 ENOENT (No such file or directory)
1 unlinkat(AT_FDCWD, ` + f + `, 0) = 0
1 openat(AT_FDCWD, ` + quoted("/d") + `, O_RDONLY|O_CLOEXEC) = 7
1 fsync(7) = 0
1 fsync(7) = -1 EIO (Input/output error)
`, "name 0 /d/tmp, name 0 /d/f, name 0 /d/g from /d/tmp, unname /d/f, syncdir /d"},
		{"a file that is emptied and one that is appended to", `
1 openat(AT_FDCWD, ` + f + `, O_WRONLY|O_CREAT|O_APPEND, 0600) = 5
1 write(5, ` + quoted("ab") + `, 2) = 2
1 openat(AT_FDCWD, ` + f + `, O_WRONLY|O_CREAT|O_APPEND, 0600) = 6
1 write(6, ` + quoted("cd") + `, 2) = 2
1 openat(AT_FDCWD, ` + f + `, O_WRONLY|O_CREAT|O_TRUNC, 0600) = 7
`, "name 0 /d/f, write 0@0 ab, write 0@2 cd, truncate 0 to 0"},
		{"what is elsewhere, a failure and an end", `
1 openat(AT_FDCWD, ` + quoted("/etc/hosts") + `, O_RDONLY|O_CLOEXEC) = 5
1 openat(AT_FDCWD, ` + f + `, O_RDWR|O_CREAT, 0600) = -1 EACCES (Permission denied)
1 mkdirat(AT_FDCWD, ` + quoted("/tmp/x") + `, 0700) = 0
1 write(5, ` + quoted("a") + `, 1) = 1
1 write(1, ` + quoted("bye") + `, 3 <unfinished ...>
1 +++ exited with 0 +++
`, "say bye"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := ReadLog(strings.NewReader(strings.TrimPrefix(c.trace, "\n")), "/d")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, op := range l.Ops {
				got = append(got, say(op))
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("%s\nwant %s", strings.Join(got, ", "), c.want)
			}
		})
	}
}

// A trace that cannot be played whole is no trace.
func TestReadLogRefuses(t *testing.T) {
	opened := `1 openat(AT_FDCWD, ` + quoted("/d/f") + `, O_RDWR|O_CREAT, 0600) = 5` + "\n"
	for name, trace := range map[string]string{
		"a shared writable mapping": opened + `1 mmap(NULL, 32768, PROT_READ|PROT_WRITE, MAP_SHARED, 5, 0) = 0x7f0000000000`,
		"pwritev":                   opened + `1 pwritev(5, [{iov_base=` + quoted("a") + `, iov_len=1}], 1, 0) = 1`,
		"a directory made":          `1 mkdirat(AT_FDCWD, ` + quoted("/d/sub") + `, 0700) = 0`,
		"moved in from elsewhere":   `1 renameat(AT_FDCWD, ` + quoted("/tmp/x") + `, AT_FDCWD, ` + quoted("/d/x") + `) = 0`,
		"there before":              `1 openat(AT_FDCWD, ` + quoted("/d/f") + `, O_RDWR) = 5`,
		"a string cut short":        opened + `1 write(5, ` + quoted("a") + `..., 900) = 900`,
		"no line of strace's":       "hello",
		"a return without an entry": `1 <... fsync resumed>) = 0`,
	} {
		if _, err := ReadLog(strings.NewReader(trace+"\n"), "/d"); err == nil {
			t.Errorf("%s: played", name)
		} else if strings.HasPrefix(name, "pwritev") && !errors.Is(err, errUnplayed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	read := opened + `1 mmap(NULL, 32768, PROT_READ, MAP_SHARED, 5, 0) = 0x7f0000000000` + "\n"
	if _, err := ReadLog(strings.NewReader(read), "/d"); err != nil {
		t.Errorf("a mapping for reading: %v", err)
	}
}
