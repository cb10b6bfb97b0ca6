package tokens

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// Accounts answers who is who in a firm.
type Accounts interface {
	StaffByEmail(ctx context.Context, token screenpop.Secret, email string) ([]smokeball.Staff, error)
	FirmUser(ctx context.Context, token screenpop.Secret, userID string) (smokeball.FirmUser, error)
	Staff(ctx context.Context, token screenpop.Secret, staffID string) (smokeball.Staff, error)
	User(ctx context.Context, token screenpop.Secret, userID string) (smokeball.User, error)
	Firm(ctx context.Context, token screenpop.Secret) (smokeball.Firm, error)
}

// accountTimeout bounds all the questions about who has signed in.
const accountTimeout = 15 * time.Second

// learnAccount finds out on the side who has signed in and whether that is the
// extension's person, unless it is known. It is asked again after the next
// refresh when Smokeball did not answer, and never blocks anybody.
func (k *Keeper) learnAccount(w *wallet, epoch uint64) {
	email := k.emailOf(w.id)
	w.mu.Lock()
	if w.tenant().API == nil || w.endQuestions != nil || w.epoch != epoch || w.rec == nil || w.rec.AccountKnown && w.rec.Checked == email {
		w.mu.Unlock()
		return
	}
	ctx, end := context.WithCancel(k.questions)
	w.endQuestions = end
	token := w.rec.Access
	w.mu.Unlock()
	asked := k.run(ctx, accountTimeout, func(ctx context.Context) {
		defer k.questionsEnded(w, epoch, end)
		a := identify(ctx, w.tenant().API, token, email)
		err := k.commit(w, epoch, func(r *record) {
			r.Account, r.UserID, r.EmailMatches, r.Checked, r.AccountKnown = a.name, a.userID, a.matches, email, a.known
		})
		if err != nil && !errors.Is(err, errSuperseded) {
			k.log.Warn("cannot save who has signed in at Smokeball", "agent", w.id, "err", err)
		}
		k.announce(w)
	})
	if !asked {
		k.questionsEnded(w, epoch, end)
	}
}

// questionsEnded lets them be asked again.
func (k *Keeper) questionsEnded(w *wallet, epoch uint64, end context.CancelFunc) {
	end()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.epoch == epoch {
		w.endQuestions = nil
	}
}

// account is who has signed in, as far as Smokeball tells.
type account struct {
	name    string
	userID  string
	matches *bool
	known   bool // there is no more to be learnt by asking again

	// stranger: Smokeball has said that no user has the token's id.
	stranger bool
}

// identify asks who the token's user is. There is no /me (contract 2.8): the
// token names a user id, the firm's users lead to a staff record, and that has
// name and e-mail. Where that way is closed or leads to another e-mail, the
// user's own record and the staff with the extension's e-mail are asked. All of
// this is a hint: what cannot be found out stays unknown.
func identify(ctx context.Context, api Accounts, token screenpop.Secret, email string) account {
	a := account{known: true}
	ids := smokeball.ReadClaims(token).UserIDs
	if len(ids) > 0 {
		a.userID = ids[0]
	}
	me := a.staffOf(ctx, api, token, ids)
	a.name = me.Name
	switch {
	case email == "" || len(ids) == 0:
	case sameEmail(me.Email, email):
		a.matched(true)
	default:
		a.compare(ctx, api, token, email, ids, me.Email != "")
	}
	if a.name == "" {
		firm, err := api.Firm(ctx, token)
		a.note(err)
		a.name = firm.Name
	}
	return a
}

// staffOf returns the staff record of the user the token names; an empty one
// when it is not to be had.
func (a *account) staffOf(ctx context.Context, api Accounts, token screenpop.Secret, ids []string) smokeball.Staff {
	for _, id := range ids {
		user, err := api.FirmUser(ctx, token, id)
		a.stranger = notFound(err)
		if a.note(err); err != nil || user.StaffID == "" {
			continue
		}
		staff, err := api.Staff(ctx, token, user.StaffID)
		if a.note(err); err == nil {
			return staff
		}
	}
	return smokeball.Staff{}
}

// compare looks for the extension's e-mail at the user's own record, and for
// the token's user among the staff who have that e-mail. other says that the
// user is known to have another one.
func (a *account) compare(ctx context.Context, api Accounts, token screenpop.Secret, email string, ids []string, other bool) {
	for _, id := range ids {
		user, err := api.User(ctx, token, id)
		a.note(err)
		if sameEmail(user.Email, email) {
			a.matched(true)
			return
		}
		other = other || user.Email != ""
	}
	staff, err := api.StaffByEmail(ctx, token, email)
	a.note(err)
	if err != nil {
		if other {
			a.matched(false)
		}
		return
	}
	unlinked, theirs := false, ""
	for _, s := range staff {
		switch {
		case !sameEmail(s.Email, email):
		case s.UserID == "":
			unlinked = true // staff who cannot sign in, or whose user is not told
		case slices.ContainsFunc(ids, func(id string) bool { return strings.EqualFold(id, s.UserID) }):
			a.matched(true)
			if a.name == "" {
				a.name = s.Name
			}
			return
		default:
			theirs = s.UserID
		}
	}
	switch {
	case other:
		a.matched(false)
	case unlinked && theirs == "":
	case a.stranger && theirs != "":
		// That the token's subject is the user's id is an inference of the
		// contract. Where Smokeball knows the user of the extension's person
		// and not the token's subject, it is wrong, and nothing is known.
		if _, err := api.FirmUser(ctx, token, theirs); err != nil {
			a.matched(false)
		}
	default:
		a.matched(false)
	}
}

func (a *account) matched(yes bool) { a.matches = &yes }

// note remembers whether asking again could tell more: an answer is an answer,
// also a refusal, and so is a question that cannot be asked; silence, a fault
// and a full rate limit are none.
func (a *account) note(err error) {
	var status *smokeball.StatusError
	switch {
	case err == nil, errors.Is(err, smokeball.ErrID), errors.Is(err, smokeball.ErrSearch):
	case errors.As(err, &status) && status.Status < 500 && status.Status != http.StatusTooManyRequests:
	default:
		a.known = false
	}
}

func notFound(err error) bool {
	var status *smokeball.StatusError
	return errors.As(err, &status) && status.Status == http.StatusNotFound
}

func sameEmail(a, b string) bool { return b != "" && strings.EqualFold(strings.TrimSpace(a), b) }
