package process

import "syscall"

// attributes let a program die with this process, and not hear a Ctrl-C that is
// meant for this one.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
