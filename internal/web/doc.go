// Package web is the agents' side of HTTP: signing in by invite link, pairing
// with Smokeball, the page that shows pops, and the admin API behind it.
//
// It knows how browsers are kept apart and honest (sessions, origins, content
// policy) and what people read when something goes wrong. It knows nothing of
// OAuth, websockets, the PBX or how things are stored: those are the small
// interfaces in deps.go.
package web
