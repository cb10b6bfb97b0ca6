package crashtest

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// TraceOptions are the options of strace that make a trace [ReadLog] can read.
// The file to write to and the command follow.
func TraceOptions() []string {
	return []string{
		"-f", "-qq", "-xx", "-s", strconv.Itoa(maxTraced), "-e", "signal=none",
		"-e", "trace=" + strings.Join(append(append([]string{}, followed...), refused...), ","),
	}
}

// maxTraced is how much of one write is traced: more than any write of ours.
const maxTraced = 4 << 20

// followed are the system calls a [Log] is made from. Those in refused change
// files as well, in ways that are not played: a trace with one of them on a
// file of the run is an error, not a gap.
var (
	followed = []string{
		"open", "openat", "creat", "close", "dup", "dup2", "dup3", "fcntl", "lseek", "write", "pwrite64", "ftruncate",
		"fsync", "fdatasync", "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mmap",
	}
	refused = []string{
		"openat2", "writev", "pwritev", "pwritev2", "truncate", "fallocate", "copy_file_range", "sendfile", "splice",
		"mkdir", "mkdirat", "rmdir", "symlink", "symlinkat", "io_uring_setup", "ioctl",
	}
)

// syscall is one traced system call. begin and end are the places in the trace
// of its entry and its return; end is never when it has not returned.
type syscall struct {
	name       string
	args       []string
	result     int64
	begin, end int
}

const never = 1 << 62

var (
	lineShape    = regexp.MustCompile(`^(\d+) +(.*)$`)
	resumedShape = regexp.MustCompile(`^<\.\.\. (\w+) resumed>`)
	resultShape  = regexp.MustCompile(`\) += (-?\d+|0x[0-9a-f]+|\?)[^=]*$`)
)

// readTrace reads the output of strace, in the order in which the calls began.
// strace stops a thread at the entry and at the return of each call until the
// line is written, so a call that was made because another had returned comes
// after it.
func readTrace(r io.Reader) ([]syscall, error) {
	var calls []syscall
	underWay := map[string]int{} // by thread: index in calls
	heads := map[string]string{}
	lines := bufio.NewReaderSize(r, 1<<20)
	for n := 0; ; n++ {
		line, err := lines.ReadString('\n')
		if err == io.EOF && line == "" {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("line %d of the trace is cut short: %w", n+1, err)
		}
		parts := lineShape.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if parts == nil {
			return nil, fmt.Errorf("line %d of the trace is none of strace's", n+1)
		}
		thread, text := parts[1], parts[2]
		switch {
		case strings.HasPrefix(text, "+++"), strings.HasPrefix(text, "---"):
		case strings.HasSuffix(text, "<unfinished ...>"):
			head := strings.TrimSpace(strings.TrimSuffix(text, "<unfinished ...>"))
			c, err := parseCall(head + ") = ?")
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n+1, err)
			}
			c.begin, c.end = n, never
			underWay[thread], heads[thread] = len(calls), head
			calls = append(calls, c)
		case resumedShape.MatchString(text):
			i, ok := underWay[thread]
			if !ok {
				return nil, fmt.Errorf("line %d: a call returns that has not begun", n+1)
			}
			c, err := parseCall(heads[thread] + resumedShape.ReplaceAllString(text, ""))
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n+1, err)
			}
			c.begin, c.end = calls[i].begin, n
			calls[i] = c
			delete(underWay, thread)
		default:
			c, err := parseCall(text)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n+1, err)
			}
			c.begin, c.end = n, n
			calls = append(calls, c)
		}
	}
	return calls, nil
}

// parseCall reads "name(arguments) = result". A call that was ended by a signal
// or by the process's end has no result: it counts as failed.
func parseCall(text string) (syscall, error) {
	open := strings.IndexByte(text, '(')
	at := resultShape.FindStringSubmatchIndex(text)
	if open < 0 || at == nil {
		return syscall{}, fmt.Errorf("not a system call: %.80q", text)
	}
	c := syscall{name: text[:open], args: splitArgs(text[open+1 : at[0]]), result: -1}
	if result := text[at[2]:at[3]]; result != "?" {
		v, err := strconv.ParseInt(result, 0, 64)
		if err != nil {
			return syscall{}, err
		}
		c.result = v
	}
	return c, nil
}

// splitArgs takes arguments apart at the commas. Strings are all in hex, so no
// comma or quote is inside one; structures in braces are not read.
func splitArgs(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ", ")
}

// text reads argument i, which is a string.
func (c syscall) text(i int) ([]byte, error) {
	if i >= len(c.args) {
		return nil, fmt.Errorf("%s has no argument %d", c.name, i)
	}
	arg := c.args[i]
	if strings.HasSuffix(arg, "...") {
		return nil, fmt.Errorf("%s: the trace has only the beginning of a string", c.name)
	}
	if len(arg) < 2 || arg[0] != '"' || arg[len(arg)-1] != '"' {
		return nil, fmt.Errorf("%s: argument %d is no string: %.40q", c.name, i, arg)
	}
	return hex.DecodeString(strings.ReplaceAll(arg[1:len(arg)-1], `\x`, ""))
}

// number reads argument i, which is a number.
func (c syscall) number(i int) (int64, error) {
	if i >= len(c.args) {
		return 0, fmt.Errorf("%s has no argument %d", c.name, i)
	}
	return strconv.ParseInt(c.args[i], 0, 64)
}
