package vodia

import "sync/atomic"

type frameCounters struct{ callStates, ignored, broken atomic.Uint64 }

// Frames tells what came over the websocket since the client was made.
func (c *Client) Frames() FrameCounts {
	return FrameCounts{c.frames.callStates.Load(), c.frames.ignored.Load(), c.frames.broken.Load()}
}
