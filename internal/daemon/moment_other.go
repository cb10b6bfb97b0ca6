//go:build !linux

package daemon

import "time"

// thisMoment has the wall clock alone.
func thisMoment() moment { return moment{Wall: time.Now()} }

func monotonic() (time.Duration, bool) { return 0, false }
