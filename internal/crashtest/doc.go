// Package crashtest makes crash images: what a directory may look like after
// the power has gone in the middle of a run. A run is traced with strace; the
// trace says which writes a finished sync covers, and those alone are sure to
// be there. It is for tests only and knows nothing of what is written.
//
// The file system it plays is like ext4, but worse: nothing is promised that
// POSIX does not promise.
//
//   - A write, truncation or new size is safe once an fsync or fdatasync of that
//     file has begun after it returned, and has returned itself. Of all others
//     any subset may be there, in sectors of 512 bytes, later ones without
//     earlier ones; a sector is old or new, never mixed.
//   - A name that was made, replaced or removed is safe once its directory was
//     synced likewise. Syncing the file does not do it, and neither does a later
//     name that is safe. A rename is one step: it is there or it is not.
//   - Where a file has grown and what was written there is not there, are zeros.
package crashtest
