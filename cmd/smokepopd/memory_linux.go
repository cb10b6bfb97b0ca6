package main

import "syscall"

// undumpable also keeps the kernel from handing a core to the program that
// core_pattern names, which no limit keeps it from (core(5)). Processes that
// this one starts are not touched by it.
func undumpable() error {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
