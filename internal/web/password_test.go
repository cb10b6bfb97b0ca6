package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// switchboard is Passwords: a PBX whose extensions have one password each.
type switchboard struct {
	tenants []screenpop.Tenant
	away    error
	hold    chan struct{} // when there is one, Check waits for it
	asked   func()        // when there is one, it is called while a try is under way

	mu    sync.Mutex
	tries int
}

func (b *switchboard) Tenants() []screenpop.Tenant { return b.tenants }

func (b *switchboard) Check(ctx context.Context, a screenpop.AgentID, password screenpop.Secret) (bool, error) {
	b.mu.Lock()
	b.tries++
	b.mu.Unlock()
	if b.asked != nil {
		b.asked()
	}
	if err := ctx.Err(); err != nil { // as of any request that is given up under way
		return false, err
	}
	if b.hold != nil {
		<-b.hold
	}
	return b.away == nil && password.Reveal() == "secret of "+string(a.Extension), b.away
}

func (b *switchboard) tried() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tries
}

func withPasswords(b *switchboard) func(*rig, *Config) {
	if b.tenants == nil {
		b.tenants = []screenpop.Tenant{priya.Tenant}
	}
	return func(_ *rig, c *Config) { c.Passwords = b }
}

func credentials(tenant screenpop.Tenant, extension, password string) string {
	return fmt.Sprintf(`{"tenant":%q,"extension":%q,"password":%q}`, tenant, extension, password)
}

func from(address string) func(*http.Request) {
	return func(r *http.Request) { r.RemoteAddr = net.JoinHostPort(address, "50000") }
}

func TestAPasswordBecomesASession(t *testing.T) {
	b := &switchboard{}
	r := newRig(t, withPasswords(b))
	for _, body := range []string{
		credentials(priya.Tenant, "101", "secret of 101"),
		credentials("FIRM.example.com", " 101 ", "secret of 101"),
		credentials("", "101", "secret of 101"), // there is one firm
	} {
		res := r.request("POST", "/api/session", body)
		wants(t, res, 204)
		if me := wants(t, r.request("GET", "/api/me", "", with(res.Cookies()[0])), 200); !strings.Contains(me, `"extension":"101"`) || !strings.Contains(me, `"method":"pbx_password"`) {
			t.Errorf("%s: %s", body, me)
		}
	}
	if strings.Contains(r.log.String(), "secret of") {
		t.Error("the log shows a password")
	}
}

// What is wrong is not told apart: neither which extensions there are nor which
// firms.
func TestAWrongPasswordTellsNothing(t *testing.T) {
	b := &switchboard{}
	r := newRig(t, withPasswords(b))
	answers := map[string]bool{}
	for _, body := range []string{
		credentials(priya.Tenant, "101", "secret of 102"),
		credentials(priya.Tenant, "999", "wrong"),
		credentials("other.example", "101", "secret of 101"),
		credentials(priya.Tenant, "", "secret of 101"),
		credentials(priya.Tenant, strings.Repeat("1", 33), "x"),
	} {
		answer := wants(t, r.request("POST", "/api/session", body), 403)
		_, answer, _ = strings.Cut(answer, `"detail":"`)
		answer, _, _ = strings.Cut(answer, `"`)
		answers[answer] = true
	}
	if len(answers) != 1 || !answers[msgWrongPassword] {
		t.Errorf("answers %v", answers)
	}
	if b.tried() != 2 {
		t.Errorf("the PBX was asked %d times, want of its own tenant's two extensions", b.tried())
	}
	// Who is in the PBX and no agent here is told so, after the right password.
	if answer := wants(t, r.request("POST", "/api/session", credentials(priya.Tenant, "300", "secret of 300")), 403); !strings.Contains(answer, msgNoAgent) {
		t.Error(answer)
	}
}

func TestPasswordsAreOffUnlessTurnedOn(t *testing.T) {
	r := newRig(t)
	if answer := wants(t, r.request("POST", "/api/session", credentials(priya.Tenant, "101", "secret of 101")), 403); !strings.Contains(answer, msgNoPasswords) {
		t.Error(answer)
	}
}

func TestGuessingPasswordsIsSlow(t *testing.T) {
	b := &switchboard{}
	r := newRig(t, withPasswords(b))
	// One extension, from ever other addresses.
	for i := range extensionBurst {
		wants(t, r.request("POST", "/api/session", credentials(priya.Tenant, "101", "guess"), from(fmt.Sprint("198.51.100.", i))), 403)
	}
	res := r.request("POST", "/api/session", credentials(priya.Tenant, "101", "secret of 101"), from("203.0.113.9"))
	wants(t, res, 429)
	if after := res.Header.Get("Retry-After"); after != "60" {
		t.Errorf("Retry-After %q", after)
	}
	if b.tried() != extensionBurst {
		t.Errorf("the PBX was asked %d times", b.tried())
	}
	// The firm, from ever other addresses and of ever other extensions.
	for i := range tenantBurst - extensionBurst {
		wants(t, r.request("POST", "/api/session", credentials(priya.Tenant, fmt.Sprint(400+i), "guess"), from(fmt.Sprint("198.51.100.", 100+i))), 403)
	}
	wants(t, r.request("POST", "/api/session", credentials(priya.Tenant, "102", "secret of 102"), from("203.0.113.9")), 429)
	r.clock.pass(time.Minute)
	wants(t, r.request("POST", "/api/session", credentials(priya.Tenant, "101", "secret of 101"), from("203.0.113.9")), 204)
}

func TestManyGuessesAtOnceAreNotMoreThanTheLimit(t *testing.T) {
	b := &switchboard{hold: make(chan struct{})}
	r := newRig(t, withPasswords(b))
	answers := make(chan int)
	const tries = 50
	for i := range tries {
		go func() {
			answers <- r.request("POST", "/api/session", credentials(priya.Tenant, "101", "guess"), from(fmt.Sprint("198.51.100.", i))).StatusCode
		}()
	}
	for range tries - extensionBurst { // those answer at once
		if status := <-answers; status != 429 {
			t.Errorf("status %d", status)
		}
	}
	close(b.hold)
	for range extensionBurst {
		if status := <-answers; status != 403 {
			t.Errorf("status %d", status)
		}
	}
	if b.tried() != extensionBurst {
		t.Errorf("the PBX was asked %d times at once", b.tried())
	}
}

// The PBX counts a try as soon as it has it: a browser that does not wait for
// the answer has had one all the same.
func TestLeavingBeforeTheAnswerCostsATry(t *testing.T) {
	b := &switchboard{}
	r := newRig(t, withPasswords(b))
	for i := range 3 * extensionBurst {
		ctx, leave := context.WithCancel(t.Context())
		b.asked = leave
		r.request("POST", "/api/session", credentials(priya.Tenant, "101", "guess"), from(fmt.Sprint("198.51.100.", i)),
			func(req *http.Request) { *req = *req.WithContext(ctx) })
		leave()
	}
	if b.tried() != extensionBurst {
		t.Errorf("the PBX was asked %d times, want %d", b.tried(), extensionBurst)
	}
}

func TestAPBXThatIsAwayCostsNoTry(t *testing.T) {
	b := &switchboard{away: errors.New("no route")}
	r := newRig(t, withPasswords(b))
	for range 3 * guessBurst {
		if answer := wants(t, r.request("POST", "/api/session", credentials(priya.Tenant, "101", "secret of 101")), 502); !strings.Contains(answer, msgPBXAway) {
			t.Fatal(answer)
		}
	}
	b.away = nil
	wants(t, r.request("POST", "/api/session", credentials(priya.Tenant, "101", "secret of 101")), 204)
}

func TestTheWaysToSignInAreTold(t *testing.T) {
	for want, change := range map[string]func(*rig, *Config){
		`{"invite":true,"pbx_password":null,"oidc":null}`:                                func(*rig, *Config) {},
		`{"invite":true,"pbx_password":{"tenant":"firm.example.com"},"oidc":null}`:       withPasswords(&switchboard{}),
		`{"invite":true,"pbx_password":{"tenant":""},"oidc":null}`:                       withPasswords(&switchboard{tenants: []screenpop.Tenant{"a.example", "b.example"}}),
		`{"invite":false,"pbx_password":null,"oidc":{"name":"X","url":"/sign-in/oidc"}}`: func(_ *rig, c *Config) { c.NoInvites, c.SignOn, c.SignOnName = true, &provider{}, "X" },
	} {
		r := newRig(t, change)
		if got := wants(t, r.request("GET", "/api/sign-in", ""), 200); got != want+"\n" {
			t.Errorf("got  %swant %s", got, want)
		}
	}
	r := newRig(t, func(_ *rig, c *Config) { c.NoInvites = true })
	if answer := wants(t, r.request("POST", "/api/session", `{"invite":"`+r.invite(priya)+`"}`), 403); !strings.Contains(answer, msgNoInvites) {
		t.Error(answer)
	}
}
