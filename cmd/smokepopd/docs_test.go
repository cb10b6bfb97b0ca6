package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// top is the root of the sources.
const top = "../.."

// document is a Markdown file of the repository.
type document struct {
	name, text string
	blocks     []block
}

// block is a fenced code block.
type block struct {
	line   int    // of its first line of text
	info   string // behind the fence: the language and more
	text   string
	indent string // what stands before the fence, in lists
}

var fence = regexp.MustCompile("^( *)```(.*)$")

// documents reads every Markdown file that people are meant to read.
func documents(t *testing.T) []document {
	t.Helper()
	var all []document
	for _, root := range []string{"README.md", "CHANGELOG.md", "docs", "deploy"} {
		err := filepath.WalkDir(filepath.Join(top, root), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".md" {
				return err
			}
			b, err := os.ReadFile(path)
			name, _ := filepath.Rel(top, path)
			all = append(all, document{name, string(b), blocksOf(string(b))})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(all) < 8 {
		t.Fatalf("only %d documents", len(all))
	}
	return all
}

func blocksOf(text string) []block {
	var all []block
	open := false
	for i, line := range strings.Split(text, "\n") {
		m := fence.FindStringSubmatch(line)
		switch {
		case m != nil && open:
			open = false
		case m != nil:
			open = true
			all = append(all, block{line: i + 2, info: strings.TrimSpace(m[2]), indent: m[1]})
		case open:
			b := &all[len(all)-1]
			b.text += strings.TrimPrefix(line, b.indent) + "\n"
		}
	}
	return all
}

// prose is a document's text without its blocks.
func (d document) prose() string {
	var out strings.Builder
	open := false
	for line := range strings.Lines(d.text) {
		if fence.MatchString(strings.TrimSuffix(line, "\n")) {
			open = !open
		} else if !open {
			out.WriteString(line)
		}
	}
	return out.String()
}

var (
	link       = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	inline     = regexp.MustCompile("`([^`]+)`")
	heading    = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	notInTitle = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the names that a document's titles can be reached by.
func anchors(d document) []string {
	var all []string
	for _, m := range heading.FindAllStringSubmatch(d.prose(), -1) {
		title := link.ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(notInTitle.ReplaceAllString(title, ""), " ", "-"))
	}
	return all
}

// Every link within the repository leads to a file that is there and to a title in it.
func TestLinksOfTheDocumentsResolve(t *testing.T) {
	all := documents(t)
	links := 0
	for _, d := range all {
		for _, m := range link.FindAllStringSubmatch(inline.ReplaceAllString(d.prose(), ""), -1) {
			to, anchor, anchored := strings.Cut(m[1], "#")
			if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
				continue
			}
			links++
			name := d.name
			if to != "" {
				name = filepath.Join(filepath.Dir(d.name), to)
				if _, err := os.Stat(filepath.Join(top, name)); err != nil {
					t.Errorf("%s: (%s) leads nowhere", d.name, m[1])
					continue
				}
			}
			at := slices.IndexFunc(all, func(o document) bool { return o.name == name })
			if anchored && (at < 0 || !slices.Contains(anchors(all[at]), anchor)) {
				t.Errorf("%s: %s has no title for #%s", d.name, name, anchor)
			}
		}
	}
	if links < 50 {
		t.Errorf("only %d links were looked at", links)
	}
}

var metricName = regexp.MustCompile(`\bsmokepop_[a-z_]+[a-z]\b`)

// Every metric that is named is in the table of docs/ops.md, which is held
// against the daemon's by a test of internal/daemon.
func TestMetricsInTheDocumentsExist(t *testing.T) {
	table := map[string]bool{}
	all := documents(t)
	for _, d := range all {
		if d.name != "docs/ops.md" {
			continue
		}
		for line := range strings.Lines(d.text) {
			if strings.HasPrefix(line, "| `smokepop_") {
				for _, m := range metricName.FindAllString(strings.Split(line, "|")[1], -1) {
					table[m] = true
				}
			}
		}
	}
	if len(table) < 20 {
		t.Fatalf("docs/ops.md has a table of %d metrics", len(table))
	}
	for _, d := range all {
		for _, m := range metricName.FindAllString(d.text, -1) {
			if !table[m] {
				t.Errorf("%s names %s, which there is not", d.name, m)
			}
		}
	}
}
