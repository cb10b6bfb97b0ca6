// Package push holds the agents' open screens: it puts each agent's pops on
// every browser window the agent has open, in order, and takes them off again.
// It speaks the websocket protocol smokepop.v1 and is the only importer of
// gorilla/websocket.
//
// What an agent's screens share (the live pops, the recent ones, the running
// number of messages) lies in a room. A message is encoded once, numbered and
// put into the queue of each of the agent's screens under one lock; sockets
// are written outside it, each screen by its own goroutine, which exists only
// while there is something to write. So a browser that stops reading fills its
// own queue, loses its own socket (4008) and delays nobody.
//
// The package knows nothing of the PBX, of Smokeball, of sessions' rules or of
// storage: who asks for a socket has been authenticated before. Pops live in
// memory only.
package push
