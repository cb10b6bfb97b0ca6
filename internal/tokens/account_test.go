package tokens

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
)

// office is a firm's people, and what of it may not be asked.
type office struct {
	mu     sync.Mutex
	staff  []smokeball.Staff
	logins map[string]string // e-mail by user id, where it is not the staff's
	firm   string
	closed map[string]error // by question: firmuser, staff, user, search, firm
	asked  []string
	slow   time.Duration

	waiting atomic.Int32 // questions without an answer yet
}

func (o *office) ask(ctx context.Context, question string) error {
	o.waiting.Add(1)
	defer o.waiting.Add(-1)
	o.mu.Lock()
	o.asked = append(o.asked, question)
	err, slow := o.closed[question], o.slow
	o.mu.Unlock()
	select {
	case <-time.After(slow):
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errGone = &smokeball.StatusError{Status: 404}

func (o *office) FirmUser(ctx context.Context, _ screenpop.Secret, id string) (smokeball.FirmUser, error) {
	if err := o.ask(ctx, "firmuser"); err != nil {
		return smokeball.FirmUser{}, err
	}
	for _, s := range o.staff {
		if s.UserID == id {
			return smokeball.FirmUser{StaffID: s.ID, UserID: id}, nil
		}
	}
	return smokeball.FirmUser{}, errGone
}

func (o *office) Staff(ctx context.Context, _ screenpop.Secret, id string) (smokeball.Staff, error) {
	if err := o.ask(ctx, "staff"); err != nil {
		return smokeball.Staff{}, err
	}
	for _, s := range o.staff {
		if s.ID == id {
			return s, nil
		}
	}
	return smokeball.Staff{}, errGone
}

func (o *office) User(ctx context.Context, _ screenpop.Secret, id string) (smokeball.User, error) {
	if err := o.ask(ctx, "user"); err != nil {
		return smokeball.User{}, err
	}
	if email, ok := o.logins[id]; ok {
		return smokeball.User{ID: id, Email: email}, nil
	}
	return smokeball.User{}, errGone
}

func (o *office) StaffByEmail(ctx context.Context, _ screenpop.Secret, email string) (found []smokeball.Staff, err error) {
	if err := o.ask(ctx, "search"); err != nil {
		return nil, err
	}
	for _, s := range o.staff {
		if strings.EqualFold(s.Email, email) {
			found = append(found, s)
		}
	}
	return found, nil
}

func (o *office) Firm(ctx context.Context, _ screenpop.Secret) (smokeball.Firm, error) {
	return smokeball.Firm{Name: o.firm}, o.ask(ctx, "firm")
}

var forbidden = &smokeball.StatusError{Status: 403}

func TestWhoHasSignedIn(t *testing.T) {
	yes, no, unknown := "true", "false", "unknown"
	priyas := smokeball.Staff{ID: "s1", UserID: "user-priya", Name: "Priya Shah", Email: "PRIYA@firm.example"}
	tom := smokeball.Staff{ID: "s2", UserID: "user-tom", Name: "Tom Reed", Email: "tom@firm.example"}
	without := func(s smokeball.Staff, change func(*smokeball.Staff)) smokeball.Staff { change(&s); return s }
	closed := func(err error, questions ...string) map[string]error {
		m := map[string]error{}
		for _, q := range questions {
			m[q] = err
		}
		return m
	}
	for _, c := range []struct {
		name    string
		office  *office
		subject string // user-priya unless set
		opaque  bool
		account string
		matches string
		again   bool // worth asking again
	}{
		{name: "the extension's person", office: &office{staff: []smokeball.Staff{tom, priyas}}, account: "Priya Shah", matches: yes},
		{name: "the colleague on the same PC", subject: "user-tom", office: &office{staff: []smokeball.Staff{tom, priyas}}, account: "Tom Reed", matches: no},
		{name: "signs in with another e-mail than the staff's", office: &office{
			staff:  []smokeball.Staff{without(priyas, func(s *smokeball.Staff) { s.Email = "p.shah@firm.example" })},
			logins: map[string]string{"user-priya": "priya@firm.example"},
		}, account: "Priya Shah", matches: yes},
		{name: "has no e-mail at all", office: &office{
			staff: []smokeball.Staff{without(priyas, func(s *smokeball.Staff) { s.Email = "" })},
		}, account: "Priya Shah", matches: no},
		{name: "without scope for firm users, the person", office: &office{
			staff: []smokeball.Staff{priyas}, closed: closed(forbidden, "firmuser", "user"),
		}, account: "Priya Shah", matches: yes},
		{name: "without scope for firm users, a colleague", subject: "user-tom", office: &office{
			staff: []smokeball.Staff{priyas, tom}, firm: "Shah & Reed", closed: closed(forbidden, "firmuser", "user"),
		}, account: "Shah & Reed", matches: no},
		{name: "firm users are nowhere to be asked", subject: "user-tom", office: &office{
			staff: []smokeball.Staff{priyas}, firm: "Shah & Reed", closed: closed(errGone, "firmuser", "user"),
		}, account: "Shah & Reed", matches: no},
		{name: "the subject is no user's id", subject: "cognito-4711", office: &office{
			staff: []smokeball.Staff{priyas}, firm: "Shah & Reed",
		}, account: "Shah & Reed", matches: unknown},
		{name: "the extension's person cannot sign in", subject: "user-tom", office: &office{
			staff: []smokeball.Staff{without(priyas, func(s *smokeball.Staff) { s.UserID = "" })}, firm: "Shah & Reed",
		}, account: "Shah & Reed", matches: unknown},
		{name: "nobody has the extension's e-mail", subject: "user-tom", office: &office{firm: "Shah & Reed"}, account: "Shah & Reed", matches: no},
		{name: "opaque token", opaque: true, office: &office{staff: []smokeball.Staff{priyas}, firm: "Shah & Reed"}, account: "Shah & Reed", matches: unknown},
		{name: "no scope for anything", office: &office{closed: closed(forbidden, "firmuser", "user", "search", "firm")}, matches: unknown},
		{name: "Smokeball is down", office: &office{closed: closed(&smokeball.StatusError{Status: 503}, "firmuser", "user", "search", "firm")}, matches: unknown, again: true},
		{name: "no connection", office: &office{closed: closed(errors.New("reset"), "firmuser", "user", "search", "firm")}, matches: unknown, again: true},
		{name: "rate limited half-way", office: &office{
			staff: []smokeball.Staff{priyas}, firm: "Shah & Reed", closed: closed(&smokeball.StatusError{Status: 429}, "staff", "search", "user"),
		}, account: "Shah & Reed", matches: unknown, again: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(cfg *Config) { cfg.Tenants[0].API = c.office })
				if c.subject != "" {
					r.server.subject = c.subject
				}
				if c.opaque {
					r.server.answer = func(string) (int, string) {
						return 200, fmt.Sprintf(`{"access_token":"hush-opaque","expires_in":3600,"refresh_token":%q}`, r.server.newRefresh())
					}
				}
				r.pair()
				synctest.Wait()
				check := func() {
					t.Helper()
					p := r.wantState(screenpop.Paired)
					matches := unknown
					if p.EmailMatches != nil {
						matches = fmt.Sprint(*p.EmailMatches)
					}
					if p.Account != c.account || matches != c.matches || (p.Problem == problemMisfit) != (matches == no) {
						t.Errorf("account %q, matches %s, problem %q", p.Account, matches, p.Problem)
					}
				}
				check()
				r.restart()
				check()
				before := len(c.office.asked)
				pass(time.Hour)
				r.token()
				synctest.Wait()
				if again := len(c.office.asked) > before; again != c.again {
					t.Errorf("asked again after a refresh: %v", again)
				}
			})
		})
	}
}

func TestWhoHasSignedInIsAnnouncedAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{staff: []smokeball.Staff{{ID: "s", UserID: "user-priya", Name: "Priya Shah", Email: "priya@firm.example"}}, slow: time.Second}
		r := newRig(t, func(c *Config) { c.Tenants[0].API = o })
		begun := time.Now()
		r.pair()
		if time.Since(begun) != 0 {
			t.Error("pairing waits for it")
		}
		pass(3 * time.Second)
		synctest.Wait()
		if len(r.bell.heard) != 2 || r.bell.heard[0].EmailMatches != nil || r.bell.heard[1].EmailMatches == nil || r.bell.heard[1].Account != "Priya Shah" {
			t.Errorf("announced %+v", r.bell.heard)
		}
	})
}

func TestEmailOfTheExtensionChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{staff: []smokeball.Staff{{ID: "s", UserID: "user-priya", Name: "Priya Shah", Email: "priya@firm.example"}}}
		r := newRig(t, func(c *Config) { c.Tenants[0].API = o })
		r.pair()
		synctest.Wait()
		r.cfg.Directory = people{priya: {AgentID: priya, Email: "new@firm.example"}}
		r.restart()
		if p := r.wantState(screenpop.Paired); p.EmailMatches != nil {
			t.Error("what was found out for another e-mail is shown")
		}
		pass(time.Hour)
		r.token()
		synctest.Wait()
		if p := r.wantState(screenpop.Paired); p.EmailMatches == nil || *p.EmailMatches {
			t.Error("not asked again")
		}
	})
}

// Who unpairs while the question is out is not paired again by its answer.
func TestUnpairWhileItIsBeingFoundOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{firm: "Shah & Reed", slow: time.Second}
		r := newRig(t, func(c *Config) { c.Tenants[0].API = o })
		r.pair()
		if _, err := r.keeper.Unpair(t.Context(), priya); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		synctest.Wait()
		r.wantState(screenpop.Unpaired)
		r.wantNothingStored()
	})
}

func TestStopDoesNotWaitForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Tenants[0].API = &office{slow: time.Minute} })
		r.pair()
		begun := time.Now()
		r.stop()
		if d := time.Since(begun); d > 0 {
			t.Errorf("stopping took %v", d)
		}
	})
}
