package web_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/web"
)

// strict is a firm that decides about some settings itself.
func strict(o *office) {
	o.firm.Defaults.Notification = screenpop.NotifyNumber
	o.firm.Locked = []string{screenpop.SettingSound, screenpop.SettingOn}
}

// everyWay is a firm whose agents may sign in by every way there is.
func everyWay(o *office) {
	o.config.Passwords = passwords{"101": "right"}
	o.config.SignOn = nobody{}
	o.config.SignOnName = "Microsoft 365"
}

// provider serves the PBXs of several firms, and tells none of the others.
func provider(o *office) { o.config.Passwords = severalPBXs{passwords{"101": "right"}} }

// severalPBXs knows the agent's tenant and another, with the same extensions.
type severalPBXs struct{ passwords }

func (severalPBXs) Tenants() []screenpop.Tenant {
	return []screenpop.Tenant{agent.Tenant, "other.example.com"}
}

func (p severalPBXs) Check(ctx context.Context, a screenpop.AgentID, password screenpop.Secret) (bool, error) {
	if a.Tenant != agent.Tenant {
		return false, nil
	}
	return p.passwords.Check(ctx, a, password)
}

// passwords is a PBX that knows these, by extension.
type passwords map[screenpop.Extension]screenpop.Secret

func (passwords) Tenants() []screenpop.Tenant { return []screenpop.Tenant{agent.Tenant} }
func (p passwords) Check(_ context.Context, a screenpop.AgentID, password screenpop.Secret) (bool, error) {
	return p[a.Extension] != "" && p[a.Extension] == password, nil
}

// nobody is an identity provider that does not get to vouch for anybody here.
type nobody struct{}

func (nobody) AuthorizeURL(context.Context, web.SignOnAttempt, bool) (string, error) {
	return "https://login.example/authorize", nil
}
func (nobody) Email(context.Context, string, web.SignOnAttempt) (string, error) { return "", refused{} }

// twoExtensions is a firm whose identity provider knows everybody as somebody
// with two extensions.
func twoExtensions(o *office) {
	o.config.SignOn = vouching{o}
	o.config.Directory = twice{o}
}

// vouching sends the browser back at once.
type vouching struct{ *office }

func (v vouching) AuthorizeURL(_ context.Context, a web.SignOnAttempt, _ bool) (string, error) {
	return v.origin + web.SignOnCallback + "?code=c&state=" + a.State, nil
}

func (vouching) Email(context.Context, string, web.SignOnAttempt) (string, error) {
	return agent.Email, nil
}

// twice is the office with another extension of the same agent.
type twice struct{ *office }

func (t twice) Agents() []screenpop.Agent {
	second := agent
	second.Extension, second.Name = "201", agent.Name+" (home office)"
	return append(t.office.Agents(), second)
}

// What an agent chooses is kept at once, and every tab knows it.
func TestBrowserSettings(t *testing.T) {
	o, b := joined(t)
	second := open(t, b.ctx)
	second.do(chromedp.Navigate(o.origin))
	second.state("#connection", "connected")
	for _, each := range []*tab{b, second} {
		each.js(`document.getElementById('settings-open').click()`)
	}
	b.until(`document.querySelector('[name=on][value=ringing]').checked && !document.querySelector('[name=sound]').checked`)
	b.click(`[name=on][value=connected]`)
	b.until(`document.getElementById('settings-saved').textContent === 'Saved.'`)
	second.until(`document.querySelector('[name=on][value=connected]').checked`)
	b.click(`[data-setting=outbound] label`)
	second.until(`!document.querySelector('[name=outbound]').checked && document.querySelector('[name=inbound]').checked`)
	b.do(chromedp.Reload())
	b.click("#settings-open")
	b.until(`document.querySelector('[name=on][value=connected]').checked && !document.querySelector('[name=outbound]').checked`)
	b.click("#settings-defaults")
	for _, each := range []*tab{b, second} {
		each.until(`document.querySelector('[name=on][value=ringing]').checked && document.querySelector('[name=outbound]').checked && document.getElementById('settings-defaults').hidden`)
	}
	// By keyboard: Escape leads back to the button.
	b.do(chromedp.KeyEvent("\u001b"))
	b.until(`!document.getElementById('settings').open && document.activeElement.id === 'settings-open'`)
}

// What the firm decides is shown, in words, and cannot be changed.
func TestBrowserShowsWhatTheFirmDecides(t *testing.T) {
	_, b := joined(t, strict)
	b.click("#settings-open")
	b.until(`document.querySelector('[name=on]').disabled`)
	for name, locked := range map[string]bool{"on": true, "sound": true, "inbound": false, "outbound": false, "notification": false} {
		got := b.js(fmt.Sprintf(`(e => [e.querySelector('input').disabled, e.querySelector('.locked').checkVisibility()].join())(document.querySelector('[data-setting=%s]'))`, name))
		if want := fmt.Sprintf("%t,%t", locked, locked); got != want {
			t.Errorf("%s: disabled, and says why: %s, want %s", name, got, want)
		}
	}
	if got := b.js(`[...document.querySelectorAll('[name=notification]')].filter((e) => e.checkVisibility()).map((e) => e.value)`); got != "number,none" {
		t.Errorf("notifications to choose from: %s", got)
	}
	// A page that does not know it yet is told, and shows what is.
	b.js(`(document.querySelector('[name=sound]').disabled = false, document.querySelector('[name=sound]').click())`)
	b.until(`document.getElementById('settings-problem').textContent === 'Your administrator decides about the sound for everybody, so it cannot be changed here.'`)
	b.until(`!document.querySelector('[name=sound]').checked && document.querySelector('[name=sound]').disabled`)
}

// An agent sees where there is a session of his, and ends it.
func TestBrowserEndsAnotherDevice(t *testing.T) {
	o, b := joined(t)
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	other := &tab{t: t, ctx: ctx}
	other.do(chromedp.Navigate(o.admin("/v1/invites")))
	other.state("#connection", "connected")
	b.click("#settings-open")
	b.count("#devices > li", 2)
	b.until(`document.querySelectorAll('.device-end').length === 2 && [...document.querySelectorAll('.device-end')].filter((e) => e.checkVisibility()).length === 1`)
	b.click(`[data-current="false"] .device-end`)
	b.click("#confirm-no")
	b.count("#devices > li", 2)
	b.click(`[data-current="false"] .device-end`)
	b.click("#confirm-yes")
	b.count("#devices > li", 1)
	other.state("body", "signed-out")
	if got := other.js(`document.title + ': ' + document.getElementById('signed-out-reason').textContent`); got != "Signed out – smokepop: Your sign-in in this browser has ended. No calls show here until you sign in again." {
		t.Errorf("the other device says %q", got)
	}
	b.state("#connection", "connected")
}

// Without a session the page offers the ways that are on, and says in one
// sentence why one has failed.
func TestBrowserOffersTheWaysIn(t *testing.T) {
	b := browser(t)
	o := newOffice(t, everyWay)
	b.do(chromedp.Navigate(o.origin))
	b.until(`document.getElementById('sign-in-form').checkVisibility() && document.getElementById('sign-in-oidc').checkVisibility()`)
	if got := b.js(`document.getElementById('sign-in-oidc').textContent + ' ' + document.getElementById('sign-in-oidc').pathname + ' ' + document.getElementById('sign-in-domain').checkVisibility()`); got != "Sign in with Microsoft 365 /sign-in/oidc false" {
		t.Errorf("single sign-on: %q", got)
	}
	attempt := func(extension, password string) {
		t.Helper()
		b.js(fmt.Sprintf(`(document.getElementById('sign-in-extension').value = %q, document.getElementById('sign-in-password').value = %q)`, extension, password))
		b.click("#sign-in-button")
	}
	attempt("101", "wrong")
	b.until(`document.getElementById('sign-in-problem').textContent === 'Extension and password do not fit together. Check both: it is the password of your extension at the PBX.'`)
	if got := b.js(`document.getElementById('sign-in-password').value + document.activeElement.id`); got != "sign-in-password" {
		t.Errorf("the wrong password stays, or the focus is elsewhere: %q", got)
	}
	attempt("101", "right")
	b.state("#connection", "connected")

	// Nothing else than what is on.
	only := newOffice(t)
	b.do(chromedp.Navigate(only.origin))
	b.until(`document.getElementById('sign-in-invite').checkVisibility()`)
	if got := b.js(`document.getElementById('sign-in-form').checkVisibility() || document.getElementById('sign-in-oidc').checkVisibility()`); got != "false" {
		t.Error("a way is offered that is off")
	}
}

// Where several firms are served, the agent says whose extension it is.
func TestBrowserAsksForTheDomainOfSeveral(t *testing.T) {
	b := browser(t)
	o := newOffice(t, provider)
	b.do(chromedp.Navigate(o.origin))
	b.until(`document.getElementById('sign-in-domain').checkVisibility()`)
	if got := b.js(`document.body.innerText`); strings.Contains(got, "other.example.com") || strings.Contains(got, string(agent.Tenant)) {
		t.Errorf("the page names a firm: %s", got)
	}
	enter := func(domain string) {
		t.Helper()
		b.js(fmt.Sprintf(`(document.getElementById('sign-in-domain').value = %q, document.getElementById('sign-in-extension').value = '101', document.getElementById('sign-in-password').value = 'right')`, domain))
		b.click("#sign-in-button")
	}
	enter("")
	b.until(`document.getElementById('sign-in-domain').matches(':invalid')`)
	enter("other.example.com")
	b.until(`document.getElementById('sign-in-problem').checkVisibility()`)
	enter(" FIRM.example.com ")
	b.state("#connection", "connected")
}
