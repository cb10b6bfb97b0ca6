// Package vault keeps small secrets on disk: a sealed key-value store over
// bbolt. Each value is sealed with AES-256-GCM under a key that lives in a file
// elsewhere, bound to the path it is stored at and to its revision, so that a
// copied, moved, flipped or cut value does not open.
//
// A write has reached the disk when the method returns nil. After an error it
// may or may not have: read again before relying on either.
//
// The package knows nothing of what it stores. It is the only importer of
// bbolt, whose panics on torn files do not leave it. It hides neither the paths
// nor the sizes of records, and cannot tell a database file that was replaced
// by an older copy of itself.
package vault
