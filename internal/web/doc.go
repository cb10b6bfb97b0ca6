// Package web is the agents' side of HTTP: signing in, sessions, the agents'
// settings, pairing with Smokeball, the page that shows pops, and the admin API
// behind it.
//
// It knows how browsers are kept apart and honest (sessions, origins, content
// policy) and what people read when something goes wrong. It knows nothing of
// websockets, the PBX or how things are stored: those are the small interfaces
// in deps.go. Of OAuth it knows signing in by OpenID Connect; pairing is behind
// an interface too.
//
// openapi.json, served at GET /api/openapi.json, describes the routes of all three
// listeners; those of the admin socket are in docs/admin-api.md. Tests of
// internal/daemon hold both against the routes that there are.
//
// # Signing in, sessions and settings
//
// What the page asks for, beside DESIGN section 6. Errors are problem documents
// whose detail is one plain sentence; times are RFC 3339.
//
//	GET /api/sign-in        200, without a session: the ways that are on.
//	    {"invite":true,
//	     "pbx_password":{"tenant":"firm.example.com"},      null when off; an empty tenant: ask for the domain
//	     "oidc":{"name":"Microsoft 365","url":"/sign-in/oidc"}}   null when off; a name is always there
//
//	POST /api/session       204 and the cookie
//	    {"invite":"TOKEN"}
//	    {"tenant":"firm.example.com","extension":"101","password":"..."}
//	                        403 refused, 429 with Retry-After, 502 or 503 when the PBX did not answer
//
//	GET /sign-in/oidc       302 to the provider; a link or location.assign, no fetch. ?choose=1 lets people
//	                        pick another account. A session in this browser is replaced when it succeeds.
//	GET /sign-in/oidc/callback   303 to /, or a document with one sentence and a way back
//
//	GET /api/me             sign_in has "method": invite, pbx_password or oidc, and "since"
//
//	GET /api/sessions       200
//	    {"sessions":[{"id":"9f86d081884c7d65","device":"Chrome on Windows","method":"oidc","created":T,
//	                  "last_seen":T,"address":"203.0.113.7","screens":1,"current":true}]}   the latest first
//	DELETE /api/sessions/{id}    204; 404 when it has ended already. The current one: as DELETE /api/session
//
//	GET /api/settings       200
//	    {"settings":{"on":"ringing","inbound":true,"outbound":true,"sound":false,"notification":"full"},
//	     "defaults":{the same five, as the firm has set them},
//	     "locked":["sound"],                     what the firm does not let the agent change
//	     "notifications":["full","number","none"]}   what the firm allows of it, at least one
//	PUT /api/settings       200 and the same document, as it is now
//	    {"inbound":false,"on":null}              what is not named stays, null is back to the default
//	                        403 for a locked one or a notification that is not allowed; nothing is changed then
//
// On the websocket, hello has "settings" with the document of GET /api/settings,
// and {"type":"settings","seq":N,"settings":{the document}} goes to all of the
// agent's screens when it has changed.
//
// In a cluster hello has "cluster":{"state":"whole"}, or "cut-off" where the node does
// not reach the others; {"type":"cluster","seq":N,"cluster":{"state":"..."}} goes to
// all of a node's screens when that changes. The page of a node that is cut off asks
// for GET /ws?elsewhere=1 in the background, which such a node refuses with 503, and
// moves over to the first that says hello and is not cut off.
//
// # In frames of other pages
//
//	GET /embed.js           a script for pages of any origin; see its first lines
//	GET /embed              the document it shows in a frame: frame-ancestors is embed.allowed_parents
//
// In a frame on another site browsers send no cookie of ours, unless it was set
// there. So the frame opens a tab, /embed/connect, which is signed in; that gets
// a ticket and hands it to the frame by postMessage; and the frame turns it into
// a cookie of its own, partitioned by the site around it. Without allowed
// parents these three are not there.
//
//	GET /embed/connect
//	POST /api/embed/ticket  200 {"ticket":"TOKEN"}; the session's cookie; one use, one minute
//	POST /api/embed/session 204 and the frame's cookie; 403 when the ticket is used up
//	    {"ticket":"TOKEN"}
//
// The frame's cookie is taken by GET /api/me and GET /ws and nowhere else. It is
// good for as long as the session that the ticket was made from.
//
// # For the admin
//
// The admin socket adds GET /v1/sessions?tenant=&extension= (the rows of
// GET /api/sessions with "tenant" and "extension", without "current") and
// POST /v1/sign-out {"tenant","extension","session"} for one of them. It and
// POST /v1/unpair take a "reason", which goes into the audit log. The pages show
// it: it stands behind "ended-by-admin: " in the close frame, and in the problem of
// the pairing frame.
package web
