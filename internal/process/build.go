package process

import (
	"fmt"
	"os"
	"os/exec"
)

// Build builds a Go program of this module, or of one that it needs, as the file
// path. It runs on its own: nothing is linked from outside. flags are those of go
// build.
func Build(path, pkg string, flags ...string) error {
	cmd := exec.Command("go", append(append([]string{"build", "-o", path}, flags...), pkg)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return nil
}
