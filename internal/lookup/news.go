package lookup

import (
	"context"
	"sync"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// Run tells Config.News of changes until ctx ends. Look-ups do not need it.
func (f *Finder) Run(ctx context.Context) error {
	if f.news == nil {
		<-ctx.Done()
		return nil
	}
	var all sync.WaitGroup
	for name, t := range f.tenants {
		all.Go(func() { f.tell(ctx, name, t.API) })
	}
	all.Wait()
	return nil
}

// tell tells of one tenant. Everybody begins with the belief that Smokeball
// answers.
func (f *Finder) tell(ctx context.Context, tenant screenpop.Tenant, api *smokeball.Client) {
	changes := api.Changes(smokeball.EndpointContacts)
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
