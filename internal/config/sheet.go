package config

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// agentSheet reads a CSV file of agents: a header with the columns extension,
// name, email and groups in any order, of which only the first is required;
// groups are separated by semicolons.
type agentSheet struct {
	l          *loader
	path, name string
	found      int
}

// mostSheetProblems bounds what is said of one file: a wrong separator makes
// every line wrong.
const mostSheetProblems = 20

func (s *agentSheet) problem(line int, format string, args ...any) {
	s.found++
	if s.found < mostSheetProblems {
		s.l.problem(s.path, "%s line %d: %s", s.name, line, fmt.Sprintf(format, args...))
	} else if s.found == mostSheetProblems {
		s.l.problem(s.path, "%s line %d: and more problems from here on", s.name, line)
	}
}

var sheetColumns = []string{"extension", "name", "email", "groups"}

func (s *agentSheet) read(data []byte) []screenpop.Agent {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // spreadsheets put a byte order mark first
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	r.Comment = '#'
	header, err := r.Read()
	if err != nil {
		s.problem(1, "no header: the first line names the columns %s", strings.Join(sheetColumns, ","))
		return nil
	}
	columns, ok := s.columns(header)
	if !ok {
		return nil
	}
	var agents []screenpop.Agent
	seen := map[screenpop.Extension]int{}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return agents
		}
		var syntax *csv.ParseError
		if errors.As(err, &syntax) {
			s.problem(syntax.Line, "%s", syntax.Err)
			continue
		}
		line, _ := r.FieldPos(0)
		if !utf8.ValidString(strings.Join(record, "")) {
			s.problem(line, "is not in UTF-8")
			continue
		}
		if len(record) != len(header) {
			s.problem(line, "has %d columns, and the header %d", len(record), len(header))
			continue
		}
		a := columns.agent(record)
		if !s.l.agent(&a, func(field, format string, args ...any) {
			s.problem(line, "%s %s", field, fmt.Sprintf(format, args...))
		}, "") {
			continue
		}
		if first, twice := seen[a.Extension]; twice {
			s.problem(line, "extension %s stands in line %d too", quote(string(a.Extension)), first)
			continue
		}
		seen[a.Extension] = line
		agents = append(agents, a)
	}
}

// sheetOrder is the index of each column; -1 where the file has none.
type sheetOrder struct{ extension, name, email, groups int }

func (s *agentSheet) columns(header []string) (sheetOrder, bool) {
	at := map[string]int{}
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains(sheetColumns, name) {
			s.problem(1, "unknown column %s: the columns are %s, separated by commas", quote(name), strings.Join(sheetColumns, ","))
			return sheetOrder{}, false
		}
		if _, twice := at[name]; twice {
			s.problem(1, "the column %s stands twice", name)
			return sheetOrder{}, false
		}
		at[name] = i
	}
	index := func(name string) int {
		if i, ok := at[name]; ok {
			return i
		}
		return -1
	}
	if index("extension") < 0 {
		s.problem(1, "the column extension is missing")
		return sheetOrder{}, false
	}
	return sheetOrder{index("extension"), index("name"), index("email"), index("groups")}, true
}

func (o sheetOrder) agent(record []string) screenpop.Agent {
	field := func(i int) string {
		if i < 0 {
			return ""
		}
		return strings.TrimSpace(record[i])
	}
	a := screenpop.Agent{Name: field(o.name), Email: field(o.email)}
	a.Extension = screenpop.Extension(field(o.extension))
	for g := range strings.SplitSeq(field(o.groups), ";") {
		if g = strings.TrimSpace(g); g != "" {
			a.Groups = append(a.Groups, g)
		}
	}
	return a
}
