package daemon

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"github.com/smokepop/smokepop/internal/simulator"
)

// promised are the metrics of the outside interface and the names of their
// labels, sorted.
var promised = map[string][]string{
	"smokepop_events_total":                 {"result"},
	"smokepop_events_skipped_total":         {"reason"},
	"smokepop_pops_total":                   {"direction"},
	"smokepop_ring_to_pop_seconds":          nil,
	"smokepop_lookup_total":                 {"outcome"},
	"smokepop_lookup_seconds":               nil,
	"smokepop_lookup_coalesced_total":       nil,
	"smokepop_smokeball_requests_total":     {"endpoint", "status"},
	"smokepop_smokeball_rate_limited_total": nil,
	"smokepop_screens":                      nil,
	"smokepop_screens_closed_total":         {"reason"},
	"smokepop_tokens":                       {"state"},
	"smokepop_token_refresh_total":          {"outcome"},
	"smokepop_vault_write_seconds":          nil,
	"smokepop_config_reload_total":          {"outcome"},
	"smokepop_build_info":                   {"go_version", "version"},
}

// configured are labels whose values are the configuration's or the build's.
var configured = []string{"tenant", "version", "go_version"}

var (
	sample    = regexp.MustCompile(`^(smokepop_[a-z_]+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? [^ ]+$`)
	label     = regexp.MustCompile(`([a-z_]+)="([^"]*)"`)
	metric    = regexp.MustCompile(`smokepop_[a-z_]+`)
	histogram = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// seen reads metrics as they are scraped: the values of each label of each.
func seen(scraped string) map[string]map[string][]string {
	all := map[string]map[string][]string{}
	for line := range strings.Lines(scraped) {
		m := sample.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		if all[m[1]] == nil {
			all[m[1]] = map[string][]string{}
		}
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			if l[1] != "le" && !slices.Contains(all[m[1]][l[1]], l[2]) {
				all[m[1]][l[1]] = append(all[m[1]][l[1]], l[2])
			}
		}
	}
	return all
}

// scraped is what a working daemon tells after an agent has paired and a call.
func scraped(t *testing.T) map[string]map[string][]string {
	t.Helper()
	dir := t.TempDir()
	var all map[string]map[string][]string
	synctest.Test(t, func(t *testing.T) {
		firm := simulator.NewFirm()
		f := openOffice(t, officeOptions{firms: []*simulator.Firm{firm}, dir: dir, events: "both", desks: func(a simulator.Agent) bool { return a.Extension == firm.Agents[0].Extension }})
		defer f.stop()
		err := simulator.Traffic{PBX: f.firms[0].pbx, Firm: firm, PerMinute: 10, Agent: firm.Agents[0].Extension, Calls: 10, Seed: 1}.Run(t.Context())
		if err != nil {
			t.Error(err)
		}
		synctest.Wait()
		all = seen(f.metrics())
	})
	return all
}

func TestMetricsAreThoseThatArePromised(t *testing.T) {
	all := scraped(t)
	for name, labels := range promised {
		got, there := all[name]
		if !there {
			t.Errorf("%s is promised and not there", name)
			continue
		}
		if have := slices.Sorted(maps.Keys(got)); !slices.Equal(have, labels) {
			t.Errorf("%s has the labels %q, want %q", name, have, labels)
		}
	}
	// Whatever a label may hold stands in the code or in the configuration: a
	// word, or a status. A number, an address or a name would not pass.
	word := regexp.MustCompile(`^[a-z0-9]+([-/_{}][a-z0-9_{}]+)*$`)
	for name, labels := range all {
		for l, values := range labels {
			if slices.Contains(configured, l) {
				continue
			}
			for _, v := range values {
				if !word.MatchString(strings.Trim(v, "/")) || regexp.MustCompile(`\d{4}`).MatchString(v) {
					t.Errorf(`%s{%s="%s"} is not of a closed set`, name, l, v)
				}
			}
			if len(values) > 20 {
				t.Errorf("%s has %d values of %s", name, len(values), l)
			}
		}
	}
}

// ofMembers are those that only a member of a cluster has.
func ofMembers(t *testing.T) map[string]map[string][]string {
	t.Helper()
	reg := prometheus.NewRegistry()
	newLoanMetrics(reg)
	told, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string][]string{}
	for _, family := range told {
		labels := map[string][]string{}
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = append(labels[l.GetName()], l.GetValue())
			}
		}
		all[family.GetName()] = labels
	}
	return all
}

// The table of docs/ops.md has every metric, and none that there is not; the
// values it lists are those that there are.
func TestMetricsAreDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/ops.md")
	if err != nil {
		t.Fatal(err)
	}
	all := scraped(t)
	maps.Copy(all, ofMembers(t))
	_, text, _ := strings.Cut(string(b), "\n## Metrics\n")
	text, _, _ = strings.Cut(text, "\n## ")
	documented := map[string]string{}
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if !strings.HasPrefix(line, "| `smokepop_") || len(cells) < 4 {
			continue
		}
		for _, name := range metric.FindAllString(cells[1], -1) {
			documented[name] = cells[2]
			if all[name] == nil {
				t.Errorf("docs/ops.md has %s, which there is not", name)
			}
		}
	}
	for name, labels := range all {
		row, there := documented[name]
		if !there {
			t.Errorf("docs/ops.md does not have %s", name)
		}
		for l, values := range labels {
			if !strings.Contains(row, "`"+l+"`") {
				t.Errorf("docs/ops.md does not have %s's label %s", name, l)
			}
			_, listed, ok := strings.Cut(row, ": ")
			if !ok || strings.Contains(listed, "those of") || slices.Contains(configured, l) {
				continue
			}
			for _, v := range values {
				if !slices.Contains(strings.FieldsFunc(listed, func(r rune) bool { return r == ',' || r == ' ' || r == '|' || r == ';' }), v) {
					t.Errorf(`docs/ops.md does not have %s{%s="%s"}`, name, l, v)
				}
			}
		}
	}
}

type rule struct {
	Alert       string
	Expr        string
	Labels      struct{ Severity string }
	Annotations struct{ Summary, Runbook string }
}

func rules(t *testing.T) []rule {
	t.Helper()
	b, err := os.ReadFile("../../deploy/prometheus/smokepop.rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("no rules")
	}
	return all
}

// What the alerts and the dashboard ask for, there is; and the labels with the
// values they pick.
func TestAlertsAndDashboardAskForWhatThereIs(t *testing.T) {
	asked := map[string]string{}
	for _, r := range rules(t) {
		asked["alert "+r.Alert] = r.Expr
	}
	b, err := os.ReadFile("../../deploy/grafana/smokepop.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(b, &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			asked["panel "+p.Title+" "+target.Expr] = target.Expr
		}
	}
	if len(asked) < 30 {
		t.Fatalf("only %d expressions were found", len(asked))
	}
	all := scraped(t)
	selector := regexp.MustCompile(`(smokepop_[a-z_]+)(?:\{([^}]*)\})?`)
	picks := regexp.MustCompile(`([a-z_]+)=~?"([^"]*)"`)
	for who, expr := range asked {
		if !strings.Contains(expr, "smokepop") {
			t.Errorf("%s asks for nothing of ours: %s", who, expr)
		}
		for _, m := range selector.FindAllStringSubmatch(expr, -1) {
			name := histogram.ReplaceAllString(m[1], "")
			labels, there := all[name]
			if !there {
				t.Errorf("%s asks for %s, which there is not", who, m[1])
				continue
			}
			for _, p := range picks.FindAllStringSubmatch(m[2], -1) {
				if p[1] == "instance" || p[1] == "job" { // Prometheus' own
					continue
				}
				for v := range strings.SplitSeq(p[2], "|") {
					if !slices.Contains(labels[p[1]], v) {
						t.Errorf(`%s asks for %s{%s="%s"}, which there is not`, who, name, p[1], v)
					}
				}
			}
		}
	}
}

// Each alert has its section in the runbook, its two tests, and says how bad it is.
func TestEachAlertHasItsSectionAndItsTests(t *testing.T) {
	runbook, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile("../../deploy/prometheus/smokepop.rules_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, s := range strings.Split(string(runbook), "\n## ")[1:] {
		title, text, _ := strings.Cut(s, "\n")
		sections[title] = text
	}
	for _, r := range rules(t) {
		text, there := sections[r.Alert]
		delete(sections, r.Alert)
		if !there || !strings.Contains(text, "**Means:**") || !strings.Contains(text, "**Do:**") {
			t.Errorf("docs/runbook.md has no section %s that says what it means and what to do", r.Alert)
		}
		if want := "docs/runbook.md#" + strings.ToLower(r.Alert); r.Annotations.Runbook != want {
			t.Errorf("%s leads to %s, want %s", r.Alert, r.Annotations.Runbook, want)
		}
		if r.Annotations.Summary == "" || r.Labels.Severity != "critical" && r.Labels.Severity != "warning" {
			t.Errorf("%s has no summary or no severity", r.Alert)
		}
		for _, kind := range []string{" fires\n", " is silent\n"} {
			if !strings.Contains(string(tests), r.Alert+kind) {
				t.Errorf("smokepop.rules_test.yaml has no test %s%s", r.Alert, kind)
			}
		}
	}
	for title := range sections {
		t.Errorf("docs/runbook.md has a section %s and there is no such alert", title)
	}
}
