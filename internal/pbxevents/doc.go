// Package pbxevents takes in a PBX's call events, by webhook and as lists of live
// calls: it authenticates the sender of a webhook, decodes what an admin's template made of the event, decides which
// agents are concerned and whether the call counts, puts repeated, late and
// lost events in order, and offers what remains to the flow.
//
// It answers before anything is looked up, and where others may go on with a call once
// what they need is kept for them: the end as a rule, other events in doubt. It knows
// nothing of Smokeball, pairing or screens.
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
// Where the PBX gives a primary call id, calls go by it, and the ids of legs lead
// to it. A leg then has phones, one for each id; it rings, is connected and lives
// as long as any of them, and the first that answers silences the others. An end
// by the primary id is that of all phones: at the extension it names, else
// everywhere. A phone that begins after its leg has ended begins the leg again,
// except that ringing within some seconds is late. Where the phones of an agent
// have one id and nothing else tells them apart, the end of either is the end.
//
// An agent sees cards. A leg has one of its own, except where it is a call the
// agent has already, under another id: first heard of as connected, or ringing
// while a colleague speaks with the party (a warm transfer), of the same number
// and direction. The card ends with its last leg. When the old leg's end comes
// before the new leg the card comes up anew: a call without a card is worse.
//
// # Two sources
//
// A list of live calls is compared with the one before it. What is new in it
// begins, what has left it ends; calls that were never in a list are left alone.
// Legs of the two sources are twins when nothing but their ids differs: agent,
// number and direction are the same, both were first heard of within ten seconds
// (a list also tells of what began long ago), and neither call was told of by
// the other source. Of several that fit, the oldest is taken: they look the same to
// the agent too. Calls of withheld numbers have no cards and so need no twins. The
// first end, of whichever source, ends both, since a pop that stays is worse than
// one that goes early, and the leg does not come back. A call that left the list
// and is in it again may begin at further extensions.
//
// Deciding, offering and remembering happen under the tenant's lock, so the
// flow sees events in the order the tracker does, which is that of arrival: what
// a sender's clock says counts for nothing. When the flow is full
// nothing is remembered, and the PBX may send the event again.
package pbxevents
