package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// FramesPrefix is where in the store lies what sessions are shown in frames with, by
// the hash of what each one's cookie holds.
const FramesPrefix = "frames/-/"

const (
	framePrefix = FramesPrefix
	// framesPerSession is how many portals on other sites an agent has, and more.
	framesPerSession = 10
	// ticketLife is how long a frame may take to hand in what the tab that it
	// opened has given it: both are on the screen.
	ticketLife = time.Minute
)

var errNoTicket = errors.New("no such ticket")

// frames are what browsers hold for pages of another site that show us in a
// frame. The session's own cookie does not come along there. Such a cookie
// opens a screen and nothing else, and it is good for as long as the session it
// was made from.
type frames struct {
	store    Store
	sessions *sessions
	now      func() time.Time

	adding sync.Mutex // one at a time: two would count the same ones

	mu      sync.Mutex
	tickets map[string]ticket // by the hash of what the frame is given
}

// ticket is how a frame comes by its cookie: once, within ticketLife. It is in
// memory only.
type ticket struct {
	session string
	expires time.Time
}

type frameRecord struct {
	Session string    `json:"session"`
	Created time.Time `json:"created"`
}

// SessionOfFrame returns where in the store the session lies that a frame's record is
// of, which it stays.
func SessionOfFrame(record []byte) (path string, err error) {
	var rec frameRecord
	err = json.Unmarshal(record, &rec)
	return SessionsPrefix + rec.Session, err
}

func newFrames(store Store, sessions *sessions, now func() time.Time) *frames {
	return &frames{store: store, sessions: sessions, now: now, tickets: map[string]ticket{}}
}

// ticket makes the session's ticket. An earlier one is good no more. It says whose
// tenant it is of, where the daemon is that has it: the frame has nothing else to
// show.
func (f *frames) ticket(se session) string {
	token := newToken()
	id, _ := hashed(token)
	now := f.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	for other, t := range f.tickets {
		if t.session == se.ID || !now.Before(t.expires) {
			delete(f.tickets, other)
		}
	}
	f.tickets[id] = ticket{se.ID, now.Add(ticketLife)}
	return token + tenantOfTicket + string(se.Agent.Tenant)
}

// tenantOfTicket is what stands between the parts of a ticket, and in no token.
const tenantOfTicket = "."

// redeem takes a ticket and returns the frame's cookie and the session it
// stands for, or errNoTicket.
func (f *frames) redeem(ctx context.Context, ticket string) (cookie string, se session, err error) {
	token, _, _ := strings.Cut(ticket, tenantOfTicket)
	id, _ := hashed(token)
	f.mu.Lock()
	t, known := f.tickets[id]
	delete(f.tickets, id)
	f.mu.Unlock()
	if !known || !f.now().Before(t.expires) {
		return "", session{}, errNoTicket
	}
	se, err = f.sessions.get(ctx, t.session)
	switch {
	case errors.Is(err, errNoSession):
		return "", session{}, errNoTicket
	case err != nil:
		return "", session{}, err
	}
	cookie, err = f.add(ctx, se)
	return cookie, se, err
}

func (f *frames) add(ctx context.Context, se session) (token string, err error) {
	f.adding.Lock()
	defer f.adding.Unlock()
	theirs, err := f.all(ctx, func(rec frameRecord) bool { return rec.Session == se.ID })
	if err != nil {
		return "", err
	}
	slices.SortFunc(theirs, func(a, b frame) int { return b.Created.Compare(a.Created) })
	for i, old := range theirs {
		if i < framesPerSession-1 {
			continue
		}
		if err := f.end(ctx, old.path); err != nil {
			return "", err
		}
	}
	value, err := json.Marshal(frameRecord{se.ID, f.now().UTC()})
	if err != nil {
		return "", err
	}
	token = newToken()
	id, _ := hashed(token)
	if _, err := f.store.CompareAndSet(ctx, framePrefix+id, value, 0); err != nil {
		return "", fmt.Errorf("keep a frame: %w", err)
	}
	return token, nil
}

// find returns the session that a frame's cookie stands for, or errNoSession.
func (f *frames) find(ctx context.Context, token string) (session, error) {
	id, ok := hashed(token)
	if !ok {
		return session{}, errNoSession
	}
	rec, err := f.read(ctx, framePrefix+id)
	if err != nil {
		return session{}, err
	}
	se, err := f.sessions.get(ctx, rec.Session)
	if err == nil && f.sessions.over(se) {
		return session{}, errNoSession
	}
	return se, err
}

// sweep deletes the frames whose session is no more.
func (f *frames) sweep(ctx context.Context) error {
	all, err := f.all(ctx, func(frameRecord) bool { return true })
	errs := []error{err}
	for _, fr := range all {
		_, err := f.sessions.get(ctx, fr.Session)
		if errors.Is(err, errNoSession) {
			err = f.end(ctx, fr.path)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

type frame struct {
	path string
	frameRecord
}

func (f *frames) all(ctx context.Context, which func(frameRecord) bool) ([]frame, error) {
	paths, err := f.store.List(ctx, framePrefix)
	if err != nil {
		return nil, fmt.Errorf("list frames: %w", err)
	}
	var all []frame
	for _, path := range paths {
		rec, err := f.read(ctx, path)
		switch {
		case errors.Is(err, errNoSession):
		case err != nil:
			return all, err
		case which(rec):
			all = append(all, frame{path, rec})
		}
	}
	return all, nil
}

func (f *frames) read(ctx context.Context, path string) (frameRecord, error) {
	value, _, err := f.store.Get(ctx, path)
	if err != nil {
		return frameRecord{}, fmt.Errorf("read a frame: %w", err)
	}
	if value == nil {
		return frameRecord{}, errNoSession
	}
	var rec frameRecord
	if err := json.Unmarshal(value, &rec); err != nil {
		return frameRecord{}, fmt.Errorf("read a frame: %w", err)
	}
	return rec, nil
}

func (f *frames) end(ctx context.Context, path string) error {
	if _, err := f.store.Delete(ctx, path, 0); err != nil {
		return fmt.Errorf("end a frame: %w", err)
	}
	return nil
}
