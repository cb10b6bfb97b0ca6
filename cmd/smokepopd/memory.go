//go:build unix

package main

import (
	"errors"
	"fmt"
	"syscall"
)

// keepMemoryIn keeps what is in this process's memory, keys and tokens among
// it, from leaving it: a crash writes no core file, whatever limits it was
// started with, and where the system knows of it, no other process of the same
// user may look in. systemd's and the kernel's view of the process stays.
func keepMemoryIn() error {
	var errs []error
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		errs = append(errs, fmt.Errorf("set the limit of core files to 0: %w", err))
	}
	if err := undumpable(); err != nil {
		errs = append(errs, fmt.Errorf("keep other processes out of this one's memory: %w", err))
	}
	return errors.Join(errs...)
}
