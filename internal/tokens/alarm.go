package tokens

import (
	"errors"
	"log/slog"
	"time"

	"github.com/smokepop/smokepop/internal/smokeball"
)

const (
	// alarmEvery and failureEvery are how often a tenant's trouble is logged:
	// what the admin has to mend, and what passes.
	alarmEvery   = 10 * time.Minute
	failureEvery = time.Minute
)

// alarm tells the admin that Smokeball does not accept the tenant's client.
func (k *Keeper) alarm(g *gate, err error) {
	held, ok := g.alarms.say(k.now(), alarmEvery)
	if !ok {
		return
	}
	g.mu.Lock()
	g.told = true
	g.mu.Unlock()
	code, status := refusalOf(err)
	k.log.Error("Smokeball does not accept the client id or secret of this tenant; tokens are kept. "+
		"Compare smokeball.client_id, client_secret and public_url with the app in Smokeball's developer console",
		withHeld(held, "tenant", g.tenant, "code", code, "status", status)...)
}

// recover ends the alarm: every agent of the tenant may ask again.
func (k *Keeper) recover(g *gate) {
	g.mu.Lock()
	told := g.told
	g.told = false
	g.mu.Unlock()
	if told {
		k.log.Info("Smokeball accepts the client id and secret of this tenant again", "tenant", g.tenant)
	}
	for _, w := range k.all() {
		if w.gate != g {
			continue
		}
		w.mu.Lock()
		hurt := w.tokenProblem == problemMisknown
		if hurt {
			w.tokenProblem, w.backoff = "", backoff{}
		}
		w.mu.Unlock()
		if hurt {
			k.announce(w)
		}
	}
	k.stir()
}

// logFailure logs a token request that failed for now, without anything the
// server wrote but its code.
func (k *Keeper) logFailure(w *wallet, err error) {
	held, ok := w.gate.failures.say(k.now(), failureEvery)
	if !ok {
		return
	}
	if code, status := refusalOf(err); status != 0 {
		k.log.Warn("a token request failed; it is tried again", withHeld(held, "agent", w.id, "code", code, "status", status)...)
		return
	}
	k.log.Warn("a token request failed; it is tried again", withHeld(held, "agent", w.id, "err", err)...)
}

// logUnsaved logs that the store does not take authorisations.
func (k *Keeper) logUnsaved(w *wallet, err error) {
	if held, ok := k.unsaved.say(k.now(), failureEvery); ok {
		k.log.Error("cannot save an authorisation; no token is fetched meanwhile. Make room or mend the disk under state_dir",
			withHeld(held, "agent", w.id, "err", err)...)
	}
}

func withHeld(held int, attrs ...any) []any {
	if held > 0 {
		attrs = append(attrs, slog.Int("held_back", held))
	}
	return attrs
}

// refusalOf returns what the server answered, fit for a log.
func refusalOf(err error) (code string, status int) {
	var e *smokeball.OAuthError
	if errors.As(err, &e) {
		return errorCode(e.Code), e.Status
	}
	return "", 0
}
