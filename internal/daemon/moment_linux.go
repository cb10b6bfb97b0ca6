package daemon

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// thisMoment reads the clock that nobody can set. Where the machine's run has no
// name the wall clock has to do.
func thisMoment() moment {
	m := moment{Wall: time.Now()}
	var t unix.Timespec
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return m
	}
	m.Boot, m.Up = strings.TrimSpace(string(id)), time.Duration(t.Nano())
	return m
}

// monotonic reads the clock that systemd's messages are timed by.
func monotonic() (time.Duration, bool) {
	var t unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return time.Duration(t.Nano()), err == nil
}
