// Package vault keeps small secrets on disk: a sealed key-value store, [Store],
// over a [Backend] of blobs, which is one bbolt file. Each value is sealed with
// AES-256-GCM under a key that lives in a file elsewhere, bound to the path it
// is stored at, to its revision and to the schema, so that a copied, moved,
// flipped or cut value does not open.
//
// A write has reached the disk when the method returns nil. After an error it
// may or may not have: read again before relying on either.
//
// A database opens with exactly the records that were written to it, or not at
// all. bbolt has no checksum of its data and faults on torn files: a child
// process looks through the file first, follows every page, and compares the
// records with an inventory that changes with each write. The refusals are
// errors of this package; a torn file panics neither the child's caller nor
// whoever reads later.
//
// What is not protected:
//   - The paths of records, with tenants and extensions, their number, their
//     sizes, revisions and key ids are in the file in clear. Pages that are free
//     again hold sealed records that were deleted, until they are used anew.
//   - A file replaced as a whole by an older copy of itself opens, as a restored
//     backup has to. The tokens in it may have been used up since.
//   - Somebody who can write to the file can do the same to single records if
//     they also mend the inventory, which has no key; and can destroy it.
//   - A file taken away altogether is a first start: see [Store.Created].
//   - Somebody who can read the daemon's memory has keys and values: the vault
//     protects what lies on the disk and in copies of it.
//
// The package knows nothing of what it stores. It is the only importer of
// bbolt.
package vault
