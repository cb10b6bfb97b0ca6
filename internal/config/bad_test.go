package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what is said now into testdata/bad; read it before you believe it")

// TestBadConfigurations loads every file of testdata/bad. The comments at its
// end, "# want: ", are all that must be said of it, in order; DIR stands for
// the directory.
func TestBadConfigurations(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	dir, err := filepath.Abs("testdata/bad")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, rest := wanted(string(data))
			_, err = Load(filepath.Join(dir, filepath.Base(file)), nil)
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("Load = %v, want Problems", err)
			}
			got := strings.ReplaceAll(problems.Error(), dir, "DIR")
			if *update {
				lines := "# want: " + strings.ReplaceAll(got, "\n", "\n# want: ") + "\n"
				if err := os.WriteFile(file, []byte(rest+lines), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("said:\n%s\nwant:\n%s", got, want)
			}
			if strings.Contains(got, "hunter2") {
				t.Errorf("a secret is told")
			}
		})
	}
}

func wanted(content string) (want, rest string) {
	const mark = "# want: "
	rest, after, found := strings.Cut(content, "\n"+mark)
	if !found {
		return "", content
	}
	return strings.ReplaceAll(strings.TrimSuffix(after, "\n"), "\n"+mark, "\n"), rest + "\n"
}
