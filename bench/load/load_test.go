package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The whole bench in its short form: every case runs against the real daemon
// and gives its figures, which mean nothing here.
func TestEveryCaseRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binaries and runs them")
	}
	dir := t.TempDir()
	for name, pkg := range map[string]string{"smokepopd": "../../cmd/smokepopd", "bench-baseline": "../baseline", "bench-crm": "../crm", "nats-server": "github.com/nats-io/nats-server/v2"} {
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, name), pkg).CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
	}
	results, doc := filepath.Join(dir, "results.json"), filepath.Join(dir, "performance.md")
	if err := os.WriteFile(doc, []byte("before\n"+tableBegins+"\nold\n"+tableEnds+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := run([]string{"-quick", "-bin", dir, "-o", results, "-table", doc}, nil, &out, &errs); code != 0 {
		t.Fatalf("exit code %d\n%s\n%s", code, &out, &errs)
	}
	b, err := os.ReadFile(results)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if r.Repetitions != 1 || r.Processors < 1 || r.Version == "" {
		t.Errorf("the report is of %+v", r)
	}
	for _, row := range r.Rows {
		if row.Smokepop.Low > row.Smokepop.Median || row.Smokepop.Median > row.Smokepop.High {
			t.Errorf("%s, %s: %+v", row.Case, row.Figure, row.Smokepop)
		}
		if row.Baseline != nil && (row.Baseline.Median < 0 || row.Ratio == nil) {
			t.Errorf("%s, %s: the baseline has %+v, the ratio is %+v", row.Case, row.Figure, row.Baseline, row.Ratio)
		}
		if (row.Target == nil) != (row.Met == nil) {
			t.Errorf("%s, %s: a target without a verdict, or the other way round", row.Case, row.Figure)
		}
	}
	for _, c := range cases {
		if !strings.Contains(out.String(), c.name) {
			t.Errorf("%s did not run", c.name)
		}
	}
	written, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(written); !strings.HasPrefix(text, "before\n"+tableBegins) || !strings.HasSuffix(text, tableEnds+"\nafter\n") || strings.Contains(text, "\nold\n") ||
		strings.Count(text, "\n| ") != len(r.Rows)+1 {
		t.Errorf("the document is now:\n%s", text)
	}
}

func TestWhatBenchstatSaysGoesIntoTheDocument(t *testing.T) {
	doc := filepath.Join(t.TempDir(), "performance.md")
	if err := os.WriteFile(doc, []byte("a\n"+microBegins+microEnds+"\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := run([]string{"-micro", doc}, strings.NewReader("Seal-2  1µ\n"), os.Stdout, os.Stderr); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	want := "a\n" + microBegins + "\n\n```\nSeal-2  1µ\n```\n\n" + microEnds + "\nb\n"
	if got, err := os.ReadFile(doc); err != nil || string(got) != want {
		t.Errorf("the document is now %q, %v", got, err)
	}
	if code := run([]string{"-micro", doc + ".not"}, strings.NewReader(""), os.Stdout, io.Discard); code != 1 {
		t.Errorf("exit code %d for a document that is not there", code)
	}
}

func TestQuantiles(t *testing.T) {
	var hundred []int
	for i := range 100 {
		hundred = append(hundred, 100-i)
	}
	for share, want := range map[float64]int{0: 1, .5: 50, .99: 99, 1: 100} {
		if got := quantile(hundred, share); got != want {
			t.Errorf("%v of 1 to 100 is %d, want %d", share, got, want)
		}
	}
	if got := spreadOf([]float64{4, 1, 3, 2}); got != (spread{2.5, 1, 4}) {
		t.Errorf("the spread is %+v", got)
	}
	if got := ratios([]float64{2, 9}, []float64{1, 3}); !slices.Equal(got, []float64{2, 3}) {
		t.Errorf("ratios are %v", got)
	}
}

func TestTargets(t *testing.T) {
	for _, c := range []struct {
		row  row
		want bool
	}{
		{compare("", "", "", []float64{115}, []float64{100}, atMost(1.15)), true},
		{compare("", "", "", []float64{116}, []float64{100}, atMost(1.15)), false},
		{compare("", "", "", []float64{69}, []float64{100}, atLeast(.7)), false},
		{compare("", "", "", []float64{9}, []float64{100}, ownAtMost(10)), true},
		{compare("", "", "", []float64{11}, []float64{100}, ownAtMost(10)), false},
		{single("", "", "", []float64{30}, atMost(30)), true},
	} {
		if *c.row.Met != c.want {
			t.Errorf("%+v: %v", c.row, *c.row.Met)
		}
	}
	if r := single("", "", "", []float64{1}, nil); r.Met != nil {
		t.Error("a row without a target is judged")
	}
}

func TestAnswersAreReadToTheirEnd(t *testing.T) {
	in := bufio.NewReader(strings.NewReader("HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\nfourHTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\nrest"))
	for _, want := range []int{202, 503} {
		if got, err := readAnswer(in); err != nil || got != want {
			t.Errorf("read %d, %v; want %d", got, err, want)
		}
	}
	for _, bad := range []string{"", "SMTP 202 \r\n\r\n", "HTTP/1.1 2x2 no\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour"} {
		if _, err := readAnswer(bufio.NewReader(strings.NewReader(bad))); err == nil {
			t.Errorf("%q is read as an answer", bad)
		}
	}
}

func TestWindowCountsEveryScreenOfACall(t *testing.T) {
	w := newWindow(10, 2, 2)
	for _, n := range []int{10, 11, 9, 12, 10} { // 9 and 12 are of other windows
		w.arrived(n, 7)
	}
	if err := w.wait(time.Millisecond); err == nil {
		t.Error("a call that has one pop of two is complete")
	}
	if got, missing := w.latencies(nil); got[0] != 7 || got[1] != patience || missing != 1 {
		t.Errorf("the calls took %v, %d are missing", got, missing)
	}
	w.arrived(11, 8)
	if err := w.wait(time.Millisecond); err != nil {
		t.Error(err)
	}

	w = newWindow(0, 3, 1)
	w.arrived(0, 5)
	w.fail(0) // it has come already
	w.fail(1)
	w.fail(1)
	w.arrived(1, 6) // too late to count
	w.fail(2)
	if err := w.wait(time.Millisecond); err != nil {
		t.Error(err)
	}
	if got, missing := w.latencies(func(n int) bool { return n == 2 }); !slices.Equal(got, []time.Duration{5, patience}) || missing != 1 {
		t.Errorf("the calls took %v, %d are missing", got, missing)
	}
}

func TestFramesTellTheirCall(t *testing.T) {
	for frame, want := range map[string]int{
		`{"type":"pop","seq":1,"pop":{"call":{"id":"bench-00000123"}}}`: 123,
		`{"type":"pop","seq":1}`:       -1,
		`{"id":"bench-0001"}`:          -1,
		`{"call_id":"bench-00000007"}`: 7,
	} {
		if n, ok := numberIn([]byte(frame)); ok != (want >= 0) || ok && n != want {
			t.Errorf("%s is of call %d, %v", frame, n, ok)
		}
	}
}
