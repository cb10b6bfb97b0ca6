package crashtest

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// The test's own binary is also the processes that are traced and that open
// images: the first environment variable that is set says which.
const (
	runEnv  = "SMOKEPOP_TEST_CRASH_RUN"  // what to do, in the directory of dirEnv
	dirEnv  = "SMOKEPOP_TEST_CRASH_DIR"  // of a run
	openEnv = "SMOKEPOP_TEST_CRASH_OPEN" // opens the images named on standard input
)

func TestMain(m *testing.M) {
	var err error
	switch {
	case os.Getenv(runEnv) != "":
		err = run(os.Getenv(dirEnv), os.Getenv(runEnv))
	case os.Getenv(openEnv) != "":
		err = openImages(os.Stdin, os.Stdout)
	default:
		goleak.VerifyTestMain(m)
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
