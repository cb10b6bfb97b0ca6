package main

import "golang.org/x/sys/unix"

// freeSpace tells how many bytes and files there is room for at path, for users
// who are not root. File systems without a table of files have room for any.
func freeSpace(path string) (bytes, files uint64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, 0, err
	}
	files = st.Ffree
	if st.Files == 0 {
		files = 1 << 62
	}
	return st.Bavail * uint64(st.Bsize), files, nil //nolint:gosec // a block's size is no negative number
}
