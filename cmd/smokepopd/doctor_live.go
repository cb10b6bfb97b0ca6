package main

import (
	"context"
	"errors"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/vodia"
)

// liveCalls listens to the PBX's live calls for a moment, as the daemon does all
// the time, on a connection of its own.
func (x *examination) liveCalls(ctx context.Context, c *chart, t config.Tenant) {
	client, _, err := x.pbxClient(t)
	if err != nil {
		c.fail("correct pbx.api", "%v", err)
		return
	}
	defer client.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	first := make(chan error, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = client.Watch(ctx, vodia.Feed{
			Calls: func([]vodia.LiveCall) {},
			State: func(_ bool, why error) {
				select {
				case first <- why:
				default: // it was told before
				}
			},
		}) // it ends with ctx
	}()
	select {
	case err = <-first:
	case <-ctx.Done():
		err = errors.New("the PBX does not let itself be listened to in time")
	}
	cancel()
	<-ended
	if err != nil {
		c.fail(doAboutPBX(err)+"; the websocket needs the same address and account as pbx.api, and pbx.api.user where the PBX asks for one", "%v", err)
		return
	}
	c.ok("the PBX's websocket lets itself be listened to")
}
