package chaos

import "syscall"

// dieWithUs has a program killed when this one is: nothing is left behind.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
