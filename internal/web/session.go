package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// SessionsPrefix is where in the store agents' sessions lie, by the hash of what
// each one's cookie holds.
const SessionsPrefix = "sessions/-/"

const (
	sessionPrefix = SessionsPrefix
	// sessionIdle is how long a browser may stay away.
	sessionIdle = 30 * 24 * time.Hour
	// sessionLife is how long a session lasts, however much it is used: who
	// signed in half a year ago shows once more that the account is still good.
	sessionLife = 180 * 24 * time.Hour
	// sessionsPerAgent bounds what sign-ins can pile up: an agent has a few
	// browsers, not dozens. The one that was used least lately goes first.
	sessionsPerAgent = 20

	// Admins' sessions are for a working day: who has the page open can end
	// everybody's.
	adminSessionPrefix = "admin-sessions/-/"
	adminSessionIdle   = 12 * time.Hour
	adminSessionLife   = 7 * 24 * time.Hour
	sessionsPerAdmin   = 5
)

// sessionRules are how sessions of a kind are kept.
type sessionRules struct {
	prefix     string
	idle, life time.Duration
	perHolder  int // the most that one has
	// seenEvery is how exactly the store knows when a session was last used:
	// every write is one sync of the disk. A session that moves to another
	// address is noted after movedEvery.
	seenEvery, movedEvery time.Duration
	// openEvery is how often a session is noted that only has a screen open.
	openEvery time.Duration
}

func agentSessions() sessionRules {
	return sessionRules{
		prefix: sessionPrefix, idle: sessionIdle, life: sessionLife, perHolder: sessionsPerAgent,
		seenEvery: time.Hour, movedEvery: 10 * time.Minute, openEvery: 24 * time.Hour,
	}
}

func adminSessions() sessionRules {
	return sessionRules{
		prefix: adminSessionPrefix, idle: adminSessionIdle, life: adminSessionLife, perHolder: sessionsPerAdmin,
		seenEvery: 10 * time.Minute, movedEvery: time.Minute,
	}
}

// holder is whose a session or an invite is: an agent's or an admin's.
type holder struct {
	screenpop.AgentID
	Admin string `json:"admin,omitempty"` // the e-mail address; an agent has none here
}

var errNoSession = errors.New("no such session")

// The ways to sign in.
const (
	byInvite   = "invite"
	byPassword = "pbx_password"
	byOIDC     = "oidc"
	byLink     = "link" // an admin's
)

// visitor is a browser as its requests show it, and how it signed in.
type visitor struct {
	Method  string `json:"method,omitempty"`
	Device  string `json:"device,omitempty"`
	Address string `json:"address,omitempty"` // when it was last seen
}

// session is a signed-in browser. ID is the hash of what its cookie holds.
type session struct {
	ID       string
	Agent    screenpop.AgentID
	Admin    string // whose it is when it is no agent's
	Created  time.Time
	LastSeen time.Time
	visitor
	revision uint64
}

// handle names a session towards people. It is no secret and opens nothing.
func (s session) handle() string { return s.ID[:16] }

func (s session) holder() holder { return holder{s.Agent, s.Admin} }

type sessionRecord struct {
	holder
	Created  time.Time `json:"created"`
	LastSeen time.Time `json:"last_seen"`
	visitor
}

// TenantOfSession returns whose tenant a session's record is of, which it stays.
func TenantOfSession(record []byte) (screenpop.Tenant, error) {
	var rec sessionRecord
	err := json.Unmarshal(record, &rec)
	return rec.Tenant, err
}

// sessions keeps the signed-in browsers. The store is the truth: nothing is
// cached, so that a session that was ended is ended at once.
type sessions struct {
	sessionRules
	store Store
	now   func() time.Time
	open  func(agent screenpop.AgentID, session string) int // counts its screens; nil: it has none

	// ends counts the sessions that were ended, each after it has gone from the
	// store and before its screens are closed: while it stands still, a session
	// that was there still is.
	ends atomic.Uint64

	trimming sync.Mutex // one at a time: two would end the same sessions twice
	// most is how many sessions each holder has at most, so that a sign-in need
	// not read everybody's; nil: not counted yet. Under trimming.
	most map[holder]int
}

// add signs a browser in and returns its cookie's value.
func (ss *sessions) add(ctx context.Context, whose holder, v visitor) (token string, err error) {
	now := ss.now().UTC()
	value, err := json.Marshal(sessionRecord{whose, now, now, v})
	if err != nil {
		return "", err
	}
	token = newToken()
	id, _ := hashed(token)
	if _, err := ss.store.CompareAndSet(ctx, ss.prefix+id, value, 0); err != nil {
		return "", fmt.Errorf("keep a session: %w", err)
	}
	return token, nil
}

// trim ends the holder's sessions beyond the most there may be, those first that
// were used least lately, and returns the ones it ended. It is called once for
// each session that was added.
func (ss *sessions) trim(ctx context.Context, whose holder) (ended []session, err error) {
	ss.trimming.Lock()
	defer ss.trimming.Unlock()
	if !ss.mayHaveTooMany(ctx, whose) {
		return nil, nil
	}
	all, err := ss.held(ctx, whose)
	if err == nil && ss.most != nil {
		ss.most[whose] = min(len(all), ss.perHolder)
	}
	if len(all) <= ss.perHolder {
		return nil, err
	}
	latestFirst(all)
	errs := []error{err}
	for _, s := range all[ss.perHolder:] {
		if err := ss.end(ctx, s.ID); err != nil {
			errs = append(errs, err)
			continue
		}
		ended = append(ended, s)
	}
	return ended, errors.Join(errs...)
}

// mayHaveTooMany counts one session more, and reads them all the first time.
// Sessions that end are not counted off: at worst they are read once more. Under
// trimming.
func (ss *sessions) mayHaveTooMany(ctx context.Context, whose holder) bool {
	if ss.most != nil {
		ss.most[whose]++
		return ss.most[whose] > ss.perHolder
	}
	all, err := ss.all(ctx)
	ss.most = make(map[holder]int, len(all))
	for _, s := range all {
		ss.most[s.holder()]++
	}
	if err != nil {
		ss.most = nil // what could not be read is not known
		return true
	}
	return ss.most[whose] > ss.perHolder
}

func latestFirst(all []session) {
	slices.SortFunc(all, func(a, b session) int {
		return cmp.Or(b.LastSeen.Compare(a.LastSeen), b.Created.Compare(a.Created))
	})
}

// find returns the session of a cookie's value, or errNoSession.
func (ss *sessions) find(ctx context.Context, token string) (session, error) {
	id, ok := hashed(token)
	if !ok {
		return session{}, errNoSession
	}
	s, err := ss.get(ctx, id)
	if err == nil && ss.over(s) {
		return session{}, errNoSession
	}
	return s, err
}

func (ss *sessions) get(ctx context.Context, id string) (session, error) {
	value, revision, err := ss.store.Get(ctx, ss.prefix+id)
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
	rec.Method = cmp.Or(rec.Method, byInvite)
	return session{id, rec.AgentID, rec.Admin, rec.Created, rec.LastSeen, rec.visitor, revision}, nil
}

// over tells whether a session is out of time. One with an open screen is not
// idle, whatever the store knows: see sweep.
func (ss *sessions) over(s session) bool {
	now := ss.now()
	return now.Sub(s.Created) >= ss.life || now.Sub(s.LastSeen) >= ss.idle && !ss.watched(s)
}

// watched tells whether a session has a screen open.
func (ss *sessions) watched(s session) bool { return ss.open != nil && ss.open(s.Agent, s.ID) > 0 }

// seen notes that a session is in use. When another request notes it at the
// same time, one note is enough; a session that was ended stays so.
func (ss *sessions) seen(ctx context.Context, s session, v visitor) error {
	now := ss.now().UTC()
	if since := now.Sub(s.LastSeen); since < ss.movedEvery || since < ss.seenEvery && v.Address == s.Address {
		return nil
	}
	v.Method = s.Method
	value, err := json.Marshal(sessionRecord{s.holder(), s.Created, now, v})
	if err != nil {
		return err
	}
	if _, err = ss.store.CompareAndSet(ctx, ss.prefix+s.ID, value, s.revision); err == nil {
		return nil
	}
	if again, getErr := ss.get(ctx, s.ID); errors.Is(getErr, errNoSession) || getErr == nil && again.revision != s.revision {
		return nil
	}
	return fmt.Errorf("note a session's use: %w", err)
}

func (ss *sessions) end(ctx context.Context, id string) error {
	if err := ss.delete(ctx, id, 0); err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}

// delete is the one way a session goes from the store.
func (ss *sessions) delete(ctx context.Context, id string, revision uint64) error {
	defer ss.ends.Add(1) // after an error too: it may have gone all the same
	_, err := ss.store.Delete(ctx, ss.prefix+id, revision)
	return err
}

// of returns an agent's sessions, those that are out of time left out.
func (ss *sessions) of(ctx context.Context, agent screenpop.AgentID) ([]session, error) {
	return ss.held(ctx, holder{AgentID: agent})
}

// held is of for a holder of either kind.
func (ss *sessions) held(ctx context.Context, whose holder) ([]session, error) {
	all, err := ss.all(ctx)
	return slices.DeleteFunc(all, func(s session) bool { return s.holder() != whose || ss.over(s) }), err
}

func (ss *sessions) all(ctx context.Context) ([]session, error) {
	paths, err := ss.store.List(ctx, ss.prefix)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	var all []session
	var errs []error
	for _, path := range paths {
		s, err := ss.get(ctx, path[len(ss.prefix):])
		switch {
		case err == nil:
			all = append(all, s)
		case !errors.Is(err, errNoSession):
			errs = append(errs, err)
		}
	}
	return all, errors.Join(errs...)
}

// sweep deletes the sessions that are out of time and returns them. A page that
// is open all day asks for nothing: its session is noted here.
func (ss *sessions) sweep(ctx context.Context) (ended []session, err error) {
	all, err := ss.all(ctx)
	errs := []error{err}
	for _, s := range all {
		if !ss.over(s) {
			if ss.now().Sub(s.LastSeen) >= ss.openEvery && ss.watched(s) {
				errs = append(errs, ss.seen(ctx, s, s.visitor))
			}
			continue
		}
		// At this revision only: it may be in use again by now.
		if err := ss.delete(ctx, s.ID, s.revision); err != nil {
			errs = append(errs, err)
			continue
		}
		ended = append(ended, s)
	}
	return ended, errors.Join(errs...)
}
