package smokeball

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pass lets time go by, in a bubble of testing/synctest.
func pass(d time.Duration) { <-time.After(d) }
