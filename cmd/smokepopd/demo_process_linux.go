package main

import "syscall"

// endsWithUs keeps a program from hearing the terminal's Ctrl-C, which asks the
// demo alone, and has it killed should the demo be.
func endsWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
