//go:build unix

package daemon

import (
	"io/fs"
	"syscall"
)

func fileID(info fs.FileInfo) (device, inode uint64, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return uint64(st.Dev), st.Ino, true //nolint:unconvert // Dev is not uint64 on every unix
}
