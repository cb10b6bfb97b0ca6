package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// words splits a line of a shell as far as documents need it: quotes, comments,
// and where another command begins.
var words = regexp.MustCompile(`"[^"]*"|'[^']*'|#.*$|&&|\|\||[|;()]|\d?[<>]+ *\S+|[^\s"'|;()<>]+`)

var assignment = regexp.MustCompile(`^[A-Z_]+=`)

// commandLines are the arguments of each smokepopd in a line.
func commandLines(line string) [][]string {
	var all [][]string
	in, first := false, true
	for _, w := range words.FindAllString(line, -1) {
		switch {
		case strings.HasPrefix(w, "#"):
			return all
		case w == "&&" || w == "||" || w == "|" || w == ";" || w == "(" || w == ")":
			in, first = false, true
			continue
		case strings.ContainsAny(w[:1], "<>") || strings.ContainsAny(w, "<>") && w[0] != '"' && w[0] != '\'':
		case first && assignment.MatchString(w):
			continue
		case first && (w == "smokepopd" || strings.HasSuffix(w, "/smokepopd")):
			in = true
			all = append(all, nil)
		case in && w != "...":
			all[len(all)-1] = append(all[len(all)-1], strings.Trim(w, `"'`))
		}
		first = false
	}
	return all
}

// understood looks whether smokepopd has that command, with those flags and so
// many arguments. Nothing is run.
func understood(args []string) error {
	cmd, rest, err := newRoot().Find(args)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	if cmd.HasSubCommands() {
		// A group is named in sentences: "smokepopd agents".
		return cobra.NoArgs(cmd, cmd.Flags().Args())
	}
	return nil
}

// Every command line in the documents, in blocks and in sentences, is one that
// smokepopd takes.
func TestCommandsInTheDocumentsExist(t *testing.T) {
	looked := 0
	for _, d := range documents(t) {
		var lines []string
		for _, b := range d.blocks {
			lines = append(lines, strings.Split(strings.ReplaceAll(b.text, "\\\n", " "), "\n")...)
		}
		for _, m := range inline.FindAllStringSubmatch(d.prose(), -1) {
			first, _, more := strings.Cut(m[1], " ")
			switch group, _, err := newRoot().Find([]string{first}); {
			case first == "smokepopd" && more:
				lines = append(lines, m[1])
			case err == nil && more && group.HasSubCommands() && group.HasParent(): // `agents list`
				lines = append(lines, "smokepopd "+m[1])
			}
		}
		for _, line := range lines {
			for _, args := range commandLines(line) {
				looked++
				if err := understood(args); err != nil {
					t.Errorf("%s: %q: %v", d.name, strings.TrimSpace(line), err)
				}
			}
		}
	}
	if looked < 50 {
		t.Errorf("only %d command lines were looked at", looked)
	}
}
