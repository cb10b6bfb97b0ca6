//go:build !unix

package process

import "syscall"

// Attributes are none: what a program starts may outlive it here.
func Attributes() *syscall.SysProcAttr { return nil }
