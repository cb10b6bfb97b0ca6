package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

const (
	sessionPrefix = "sessions/-/"
	// sessionIdle is how long a browser may stay away.
	sessionIdle = 30 * 24 * time.Hour
	// seenEvery is how exactly the store knows when a session was last used:
	// every write is one sync of the disk.
	seenEvery = time.Hour
	// sessionsPerAgent bounds what invites can pile up: an agent has a few
	// browsers, not dozens. The one that was used least lately goes first.
	sessionsPerAgent = 20
)

var errNoSession = errors.New("no such session")

// session is a signed-in browser. ID is the hash of what its cookie holds.
type session struct {
	ID       string
	Agent    screenpop.AgentID
	Created  time.Time
	LastSeen time.Time
	revision uint64
}

type sessionRecord struct {
	screenpop.AgentID
	Created  time.Time `json:"created"`
	LastSeen time.Time `json:"last_seen"`
}

// sessions keeps the signed-in browsers. The store is the truth: nothing is
// cached, so that a session that was ended is ended at once.
type sessions struct {
	store Store
	now   func() time.Time

	trimming sync.Mutex // one at a time: two would end the same sessions twice
}

// add signs a browser in and returns its cookie's value.
func (ss *sessions) add(ctx context.Context, agent screenpop.AgentID) (token string, err error) {
	now := ss.now().UTC()
	value, err := json.Marshal(sessionRecord{agent, now, now})
	if err != nil {
		return "", err
	}
	token = newToken()
	id, _ := hashed(token)
	if _, err := ss.store.CompareAndSet(ctx, sessionPrefix+id, value, 0); err != nil {
		return "", fmt.Errorf("keep a session: %w", err)
	}
	return token, nil
}

// trim ends the agent's sessions beyond sessionsPerAgent, those first that were
// used least lately, and returns the ones it ended.
func (ss *sessions) trim(ctx context.Context, agent screenpop.AgentID) (ended []session, err error) {
	ss.trimming.Lock()
	defer ss.trimming.Unlock()
	all, err := ss.of(ctx, agent)
	if len(all) <= sessionsPerAgent {
		return nil, err
	}
	slices.SortFunc(all, func(a, b session) int {
		return cmp.Or(b.LastSeen.Compare(a.LastSeen), b.Created.Compare(a.Created))
	})
	errs := []error{err}
	for _, s := range all[sessionsPerAgent:] {
		if err := ss.end(ctx, s.ID); err != nil {
			errs = append(errs, err)
			continue
		}
		ended = append(ended, s)
	}
	return ended, errors.Join(errs...)
}

// find returns the session of a cookie's value, or errNoSession.
func (ss *sessions) find(ctx context.Context, token string) (session, error) {
	id, ok := hashed(token)
	if !ok {
		return session{}, errNoSession
	}
	s, err := ss.get(ctx, id)
	if err == nil && ss.idle(s) {
		return session{}, errNoSession
	}
	return s, err
}

func (ss *sessions) get(ctx context.Context, id string) (session, error) {
	value, revision, err := ss.store.Get(ctx, sessionPrefix+id)
	if err != nil {
		return session{}, fmt.Errorf("read a session: %w", err)
	}
	if value == nil {
		return session{}, errNoSession
	}
	var rec sessionRecord
	if err := json.Unmarshal(value, &rec); err != nil {
		return session{}, fmt.Errorf("read a session: %w", err)
	}
	return session{id, rec.AgentID, rec.Created, rec.LastSeen, revision}, nil
}

func (ss *sessions) idle(s session) bool { return ss.now().Sub(s.LastSeen) >= sessionIdle }

// seen notes that a session is in use. When another request notes it at the
// same time, one note is enough; a session that was ended stays so.
func (ss *sessions) seen(ctx context.Context, s session) error {
	now := ss.now().UTC()
	if now.Sub(s.LastSeen) < seenEvery {
		return nil
	}
	value, err := json.Marshal(sessionRecord{s.Agent, s.Created, now})
	if err != nil {
		return err
	}
	if _, err = ss.store.CompareAndSet(ctx, sessionPrefix+s.ID, value, s.revision); err == nil {
		return nil
	}
	if again, getErr := ss.get(ctx, s.ID); errors.Is(getErr, errNoSession) || getErr == nil && again.revision != s.revision {
		return nil
	}
	return fmt.Errorf("note a session's use: %w", err)
}

func (ss *sessions) end(ctx context.Context, id string) error {
	if _, err := ss.store.Delete(ctx, sessionPrefix+id, 0); err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}

// of returns an agent's sessions.
func (ss *sessions) of(ctx context.Context, agent screenpop.AgentID) ([]session, error) {
	all, err := ss.all(ctx)
	return slices.DeleteFunc(all, func(s session) bool { return s.Agent != agent }), err
}

func (ss *sessions) all(ctx context.Context) ([]session, error) {
	paths, err := ss.store.List(ctx, sessionPrefix)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	var all []session
	var errs []error
	for _, path := range paths {
		s, err := ss.get(ctx, path[len(sessionPrefix):])
		switch {
		case err == nil:
			all = append(all, s)
		case !errors.Is(err, errNoSession):
			errs = append(errs, err)
		}
	}
	return all, errors.Join(errs...)
}

// sweep deletes the sessions of browsers that stayed away too long and returns
// them.
func (ss *sessions) sweep(ctx context.Context) (ended []session, err error) {
	all, err := ss.all(ctx)
	errs := []error{err}
	for _, s := range all {
		if !ss.idle(s) {
			continue
		}
		// At this revision only: it may be in use again by now.
		if _, err := ss.store.Delete(ctx, sessionPrefix+s.ID, s.revision); err != nil {
			errs = append(errs, err)
			continue
		}
		ended = append(ended, s)
	}
	return ended, errors.Join(errs...)
}
