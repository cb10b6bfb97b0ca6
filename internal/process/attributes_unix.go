//go:build unix && !linux

package process

import "syscall"

// attributes keep a Ctrl-C from a program that is meant for this one. Elsewhere
// than on Linux it outlives this process where that is killed.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
