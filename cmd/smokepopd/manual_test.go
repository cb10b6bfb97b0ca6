//go:build manual

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Each command that people see has a page, the same bytes each time.
func TestManualHasAPageForEachCommand(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	first, second := t.TempDir(), t.TempDir()
	for _, dir := range []string{first, second} {
		if err := packageFiles(dir); err != nil {
			t.Fatal(err)
		}
	}
	var pages func(*cobra.Command)
	pages = func(c *cobra.Command) {
		name := filepath.Join("man1", strings.ReplaceAll(c.CommandPath(), " ", "-")+".1")
		if c.Hidden {
			if _, err := os.Stat(filepath.Join(first, name)); err == nil {
				t.Errorf("%s is hidden and has a page", c.CommandPath())
			}
			return
		}
		one, err := os.ReadFile(filepath.Join(first, name))
		if err != nil {
			t.Error(err)
			return
		}
		two, _ := os.ReadFile(filepath.Join(second, name))
		if !bytes.Equal(one, two) {
			t.Errorf("%s is another page each time", c.CommandPath())
		}
		if !bytes.Contains(one, []byte("Nov 2023")) {
			t.Errorf("%s does not have the commit's date", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			pages(sub)
		}
	}
	pages(newRoot())
}
