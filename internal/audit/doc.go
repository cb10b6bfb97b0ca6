// Package audit is the record of who did what to smokepop: who signed in or was
// refused, who paired and unpaired, what an admin forced and why, what became of
// the configuration, the keys and the backups, which numbers were dialled.
//
// It knows the kinds of events, what each of them tells, and how a line of the
// record is written, here and nowhere else; and it keeps the file they are
// appended to. It knows nothing of requests, of sessions or of how an event
// comes about: whoever does something hands it to a [Recorder].
//
// A line never holds a secret, the name of a contact or a whole number: numbers
// are masked to their last two digits by the events that have one.
package audit
