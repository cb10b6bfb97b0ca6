// Package smokeball speaks Smokeball's OAuth and REST API. It is the only place
// that knows the hosts of each region, how a record's link is built, what a
// contact looks like on the wire, and how many requests Smokeball allows.
//
// One call of a method is one HTTP request: retrying, refreshing a token and
// searching again are for the caller to decide. Answers are taken as hostile:
// limited in size, decoded leniently, never followed anywhere. No error and no
// log line of this package carries a token, a secret, a response body, a URL
// or a telephone number.
//
// The package knows nothing of calls, agents or pairing.
package smokeball
