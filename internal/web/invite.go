package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

const (
	invitePrefix = "invites/-/"
	inviteLife   = 24 * time.Hour

	adminLinkPrefix = "admin-links/-/"
	// adminLinkLife is short: who makes an admin's link opens it.
	adminLinkLife = 15 * time.Minute
)

// errNoInvite: the token never was an invite, was used or is out of time. Who
// holds it learns no more than that.
var errNoInvite = errors.New("no such invite")

// invites are the links of a kind that sign a browser in: once, and within
// their life.
type invites struct {
	store  Store
	now    func() time.Time
	prefix string
	life   time.Duration
}

type inviteRecord struct {
	holder
	Expires time.Time `json:"expires"`
}

// make makes an agent's invite.
func (in *invites) make(ctx context.Context, agent screenpop.AgentID) (token string, expires time.Time, err error) {
	return in.makeFor(ctx, holder{AgentID: agent})
}

func (in *invites) makeFor(ctx context.Context, whose holder) (token string, expires time.Time, err error) {
	token, expires = newToken(), in.now().Add(in.life).UTC().Truncate(time.Second)
	value, err := json.Marshal(inviteRecord{whose, expires})
	if err != nil {
		return "", time.Time{}, err
	}
	id, _ := hashed(token)
	if _, err := in.store.CompareAndSet(ctx, in.prefix+id, value, 0); err != nil {
		return "", time.Time{}, fmt.Errorf("keep an invite: %w", err)
	}
	return token, expires, nil
}

// use takes an invite and returns whom it is for, or errNoInvite. Of two that
// use the same one at once, one gets it.
func (in *invites) use(ctx context.Context, token string) (holder, error) {
	id, ok := hashed(token)
	if !ok {
		return holder{}, errNoInvite
	}
	rec, revision, err := in.read(ctx, in.prefix+id)
	if err != nil {
		return holder{}, err
	}
	existed, err := in.store.Delete(ctx, in.prefix+id, revision)
	switch {
	case err != nil:
		return holder{}, fmt.Errorf("use an invite: %w", err)
	case !existed, !in.now().Before(rec.Expires):
		return holder{}, errNoInvite
	}
	return rec.holder, nil
}

func (in *invites) read(ctx context.Context, path string) (inviteRecord, uint64, error) {
	value, revision, err := in.store.Get(ctx, path)
	if err != nil {
		return inviteRecord{}, 0, fmt.Errorf("read an invite: %w", err)
	}
	if value == nil {
		return inviteRecord{}, 0, errNoInvite
	}
	var rec inviteRecord
	if err := json.Unmarshal(value, &rec); err != nil {
		return inviteRecord{}, 0, fmt.Errorf("read an invite: %w", err)
	}
	return rec, revision, nil
}

// sweep deletes the invites that are out of time.
func (in *invites) sweep(ctx context.Context) error {
	return in.deleteIf(ctx, func(rec inviteRecord) bool { return !in.now().Before(rec.Expires) })
}

// withdraw deletes the invites of an agent.
func (in *invites) withdraw(ctx context.Context, agent screenpop.AgentID) error {
	return in.withdrawOf(ctx, holder{AgentID: agent})
}

func (in *invites) withdrawOf(ctx context.Context, whose holder) error {
	return in.deleteIf(ctx, func(rec inviteRecord) bool { return rec.holder == whose })
}

// deleteIf goes through all invites. One that cannot be read keeps no other
// from being looked at.
func (in *invites) deleteIf(ctx context.Context, unwanted func(inviteRecord) bool) error {
	paths, err := in.store.List(ctx, in.prefix)
	errs := []error{err}
	for _, path := range paths {
		rec, revision, err := in.read(ctx, path)
		if err == nil && unwanted(rec) {
			_, err = in.store.Delete(ctx, path, revision)
		}
		if err != nil && !errors.Is(err, errNoInvite) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
