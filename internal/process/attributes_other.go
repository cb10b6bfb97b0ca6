//go:build !unix

package process

import "syscall"

// attributes are none: what a program starts may outlive it here.
func attributes() *syscall.SysProcAttr { return nil }
