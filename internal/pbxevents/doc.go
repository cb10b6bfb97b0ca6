// Package pbxevents takes in the PBX's call events: it checks who sent them,
// decodes what an admin's webhook template may look like, follows each call leg
// through its states and decides which agents a call concerns. What counts
// leaves as screenpop events; what does not is answered with its reason.
//
// It knows nothing of Smokeball, of pairings or of browsers.
package pbxevents
