// Package pbxevents takes in a PBX's call events over HTTP: it authenticates
// the sender, decodes what an admin's template made of the event, decides which
// agents are concerned and whether the call counts, puts repeated, late and
// lost events in order, and offers what remains to the flow.
//
// It answers before anything is looked up. It knows nothing of Smokeball,
// pairing or screens.
//
// # Which side is ours
//
// A party is ours if it is an extension of the tenant's directory; else if it
// looks like one (the tenant's expression) and is no public short number of the
// country; else if it is the mailbox prefix before such an extension. Both ours
// is an internal call. One ours gives the direction, whatever the event says of
// it: the other side is the caller or the called. With neither, the event's
// direction decides, and without one it is inbound.
//
// The agents concerned are those the event names as its extension, else the
// party that is ours. Of a mixed list those known and in scope go on; when none
// is left, out-of-scope is told before unknown-extension.
//
// # Order of reasons
//
// An event that is skipped is told the first of: state, star-code,
// internal-call, unknown-extension or out-of-scope, no-number, ignored-number,
// and last duplicate or out-of-order.
//
// # Calls
//
// A leg is one call id on one extension; it only moves ringing, connected,
// terminated, by arrival. For connected and terminated on a leg that is known
// the leg's own number, direction and queue hold, whatever parties the event
// names now: they may be absent or swapped. An end with an extension ends that
// leg, an end without one the whole call. A leg that is answered ends those
// still ringing. Ringing at another extension afterwards is a transfer and pops.
// The end of a call whose start was skipped is skipped for the same reason.
//
// Deciding, offering and remembering happen under the tenant's lock, so the
// flow sees events in the order the tracker does. When the flow is full
// nothing is remembered, and the PBX may send the event again.
package pbxevents
