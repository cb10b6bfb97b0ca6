package lookup

import (
	"context"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// Run tells Config.News of changes until ctx ends. Look-ups do not need it.
func (f *Finder) Run(ctx context.Context) error {
	if f.news == nil {
		<-ctx.Done()
		return nil
	}
	f.tellers.Run(ctx, func(ctx context.Context, t *tenant) { f.tell(ctx, t.Tenant, t.API) })
	return nil
}

// tell tells of one tenant. Everybody begins with the belief that Smokeball
// answers.
func (f *Finder) tell(ctx context.Context, tenant screenpop.Tenant, api *smokeball.Client) {
	changes := api.Changes(ctx, smokeball.EndpointContacts)
	told := true
	for {
		if ok := api.Answering(smokeball.EndpointContacts); ok != told {
			told = ok
			f.news.Answering(tenant, ok)
		}
		select {
		case <-changes:
		case <-ctx.Done():
			return
		}
	}
}
