package tokens

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// Records is where in the store the authorisations are.
const Records = "tokens/"

const recordVersion = 1

// errRecord: a record opened and is not what this version writes.
var errRecord = errors.New("the record is not an authorisation this version knows")

// record is an agent's authorisation as it is stored. A record that has been
// handed around is not changed any more: changes are made to a copy.
type record struct {
	Version int
	Refresh screenpop.Secret // empty when Smokeball gave none, and in an ended record
	Access  screenpop.Secret
	Got     time.Time // when the access token came
	Expiry  time.Time // when it ends
	// Paired is when the agent signed in; Granted is when the refresh token
	// came, which is later where the server has replaced it.
	Paired  time.Time
	Granted time.Time
	// Ended is set when Smokeball has said that the refresh token is over.
	Ended time.Time
	// Asked is when the refresh under way began. It is written first, so that
	// no token is spent while the store cannot take the answer.
	Asked time.Time
	// By is who asked, of several daemons with one store.
	By string

	// Who has signed in, as far as it is known. Checked is the e-mail of the
	// extension that EmailMatches was found out for; AccountKnown that all the
	// questions have been answered.
	Account      string
	UserID       string
	EmailMatches *bool
	Checked      string
	AccountKnown bool
}

// recordJSON is the stored form: it alone shows the secrets.
type recordJSON struct {
	Version      int       `json:"version"`
	Refresh      string    `json:"refresh,omitempty"`
	Access       string    `json:"access,omitempty"`
	Got          time.Time `json:"got,omitzero"`
	Expiry       time.Time `json:"expiry,omitzero"`
	Paired       time.Time `json:"paired_at"`
	Granted      time.Time `json:"granted_at"`
	Ended        time.Time `json:"ended_at,omitzero"`
	Asked        time.Time `json:"asked_at,omitzero"`
	By           string    `json:"asked_by,omitempty"`
	Account      string    `json:"account,omitempty"`
	UserID       string    `json:"user_id,omitempty"`
	EmailMatches *bool     `json:"email_matches,omitempty"`
	Checked      string    `json:"checked_email,omitempty"`
	AccountKnown bool      `json:"account_known,omitempty"`
}

func (r record) encode() ([]byte, error) {
	return json.Marshal(recordJSON{
		recordVersion, r.Refresh.Reveal(), r.Access.Reveal(), r.Got.UTC(), r.Expiry.UTC(), r.Paired.UTC(), r.Granted.UTC(),
		r.Ended.UTC(), r.Asked.UTC(), r.By, r.Account, r.UserID, r.EmailMatches, r.Checked, r.AccountKnown,
	})
}

func decodeRecord(b []byte) (*record, error) {
	var j recordJSON
	// The decoder's error may quote what it read.
	if err := json.Unmarshal(b, &j); err != nil {
		return nil, fmt.Errorf("%w: it is not the JSON it should be", errRecord)
	}
	if j.Version != recordVersion {
		return nil, fmt.Errorf("%w: version %d", errRecord, j.Version)
	}
	if j.Paired.IsZero() || j.Granted.IsZero() {
		return nil, fmt.Errorf("%w: it has no date", errRecord)
	}
	return &record{
		j.Version, screenpop.Secret(j.Refresh), screenpop.Secret(j.Access), j.Got, j.Expiry, j.Paired, j.Granted,
		j.Ended, j.Asked, j.By, j.Account, j.UserID, j.EmailMatches, j.Checked, j.AccountKnown,
	}, nil
}

// defaultAccessLifetime is Smokeball's, for an answer without expires_in.
const defaultAccessLifetime = time.Hour

// take puts a grant that came at now into the record.
func (r *record) take(g smokeball.Grant, now time.Time) {
	r.Asked, r.By = time.Time{}, ""
	if g.AccessToken != "" { // else the answer was good for its refresh token alone
		r.Access, r.Got, r.Expiry = g.AccessToken, now, g.Expiry.Round(0)
		if r.Expiry.IsZero() {
			r.Expiry = now.Add(defaultAccessLifetime)
		}
	}
	// Smokeball's answer to a refresh has none: the old one stays, and so does
	// the clock that runs since it was given.
	if g.RefreshToken != "" && g.RefreshToken != r.Refresh {
		r.Refresh, r.Granted = g.RefreshToken, now
	}
}

// end takes the tokens out of the record: they are of no use any more.
func (r *record) end(now time.Time) {
	r.Refresh, r.Access, r.Asked, r.By, r.Ended = "", "", time.Time{}, "", now
}

// ends is when the agent has to pair again.
func (r *record) ends(lifetime time.Duration) time.Time {
	switch {
	case !r.Ended.IsZero():
		return r.Ended
	case r.Refresh == "":
		return r.Expiry
	}
	return r.Granted.Add(lifetime)
}

// usable tells whether the access token has not ended by the clock.
func (r *record) usable(now time.Time) bool { return r.Access != "" && now.Before(r.Expiry) }

// earlyMargin is how long before its end an access token is replaced.
const earlyMargin = time.Minute

// due tells whether it is time to replace the access token. One that lives
// shorter than the margin is used until it ends, or it would be replaced as
// soon as it came.
func (r *record) due(now time.Time) bool {
	life := r.Expiry.Sub(r.Got)
	margin := min(earlyMargin, life/2)
	if life <= earlyMargin {
		margin = 0
	}
	return !now.Before(r.Expiry.Add(-margin))
}

func pathOf(id screenpop.AgentID) string {
	return recordsOf(id.Tenant) + url.PathEscape(string(id.Extension))
}

func recordsOf(tenant screenpop.Tenant) string {
	return Records + url.PathEscape(string(tenant)) + "/"
}

func agentOf(path string) (screenpop.AgentID, bool) {
	tenant, extension, ok := strings.Cut(strings.TrimPrefix(path, Records), "/")
	t, err1 := url.PathUnescape(tenant)
	e, err2 := url.PathUnescape(extension)
	id := screenpop.AgentID{Tenant: screenpop.Tenant(t), Extension: screenpop.Extension(e)}
	return id, ok && err1 == nil && err2 == nil && pathOf(id) == path
}

// read returns the agent's record; nil when there is none.
func (k *Keeper) read(ctx context.Context, id screenpop.AgentID) (*record, uint64, error) {
	b, revision, err := k.store.Get(ctx, pathOf(id))
	if err != nil || b == nil {
		return nil, 0, err
	}
	rec, err := decodeRecord(b)
	return rec, revision, err
}
