package process

import "syscall"

// Attributes let a program die with this process, and not hear a Ctrl-C that is
// meant for this one.
func Attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
