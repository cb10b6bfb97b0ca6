package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/screenpop"
)

func TestAgentsFileIsMergedAndInlineWins(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "agents.csv", "\ufeffGroups, Extension ,name,email\r\n"+
		"intake; family ;,101,From the file,file@firm.example\r\n"+
		"\r\n# left in May\r\n"+
		",0102,\"O'Neill, Dana\",dana@firm.example\r\n")
	cfg, problems := loadIn(t, dir, minimal+"    agents_file: agents.csv\n    agents: [{extension: 101, name: Inline}]\n")
	if problems != nil {
		t.Fatal(problems)
	}
	var got []string
	for _, a := range cfg.Tenants[0].Agents {
		got = append(got, fmt.Sprintf("%s|%s|%s|%q", a.AgentID, a.Name, a.Email, a.Groups))
	}
	want := []string{`101@firm.example.com|Inline||[]`, `0102@firm.example.com|O'Neill, Dana|dana@firm.example|[]`}
	if !slices.Equal(got, want) {
		t.Errorf("agents %q, want %q", got, want)
	}
}

func TestAgentsFileGroups(t *testing.T) {
	s := &agentSheet{l: &loader{findings: newFindings()}, path: "p", name: "a.csv"}
	agents := s.read([]byte("extension,groups\n101, intake ; family;;\n"))
	if len(agents) != 1 || !slices.Equal(agents[0].Groups, []string{"intake", "family"}) || s.found != 0 {
		t.Errorf("%+v, %d problems", agents, s.found)
	}
}

func TestAgentsFileHeaders(t *testing.T) {
	for content, want := range map[string]string{
		"":                                "agents.csv line 1: no header: the first line names the columns extension,name,email,groups",
		"name,email\nA,a@firm.example\n":  "agents.csv line 1: the column extension is missing",
		"extension,Extension\n101,102\n":  "agents.csv line 1: the column extension stands twice",
		"101,Priya,priya@firm.example,\n": `agents.csv line 1: unknown column "101": the columns are extension,name,email,groups, separated by commas`,
	} {
		f := newFindings()
		s := &agentSheet{l: &loader{findings: f}, path: "tenants[0].agents_file", name: "agents.csv"}
		if agents := s.read([]byte(content)); len(agents) != 0 || f.problems.Error() != "tenants[0].agents_file: "+want {
			t.Errorf("%q: %v, %v", content, agents, f.problems)
		}
	}
}

func TestAgentsFileStopsComplaining(t *testing.T) {
	f := newFindings()
	s := &agentSheet{l: &loader{findings: f}, path: "p", name: "a.csv"}
	agents := s.read([]byte("extension\n" + strings.Repeat("not an extension\n", 1000) + "101\n"))
	if len(f.problems) != mostSheetProblems || len(agents) != 1 || agents[0].Extension != screenpop.Extension("101") {
		t.Errorf("%d problems, %v", len(f.problems), agents)
	}
	if last := f.problems[mostSheetProblems-1].Text; last != "a.csv line 21: and more problems from here on" {
		t.Errorf("last: %s", last)
	}
}
