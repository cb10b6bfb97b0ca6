package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The test event goes the whole way, to the address that the PBX has, and
// nobody sees anything of it.
func TestDoctorSendsAWebhook(t *testing.T) {
	s := startSystem(t, systemOptions{world: withAPI("webhook")})
	s.readOnce()
	me := s.firm().Agents[0]
	sc := s.paired(me).open()
	r := s.doctored()
	r.wants(t, probeOK, "webhook-round-trip of firm.example: a test event sent to "+s.world.public+" with the configured credentials is in the daemon's trace (event state)")
	r.wants(t, probeSkip, "last-webhook of firm.example: no webhook has come since the daemon began")

	s.mustAccept(event{"event": "ringing", "call_id": "real", "from": s.known()[0].E164(), "to": me.Extension})
	if pop := sc.next("pop"); dig(pop, "pop", "call", "id") != "real" {
		t.Errorf("the first pop is %v", pop)
	}
	s.doctored().wants(t, probeOK, "last-webhook of firm.example: the last webhook came ")

	// The PBX has another password than we.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.world.public+"/hooks/vodia/"+s.domain(), strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("vodia", "another")
	if res, err := plainClient.Do(req); err != nil {
		t.Fatal(err)
	} else {
		_ = res.Body.Close()
	}
	s.doctored().wants(t, probeWarn, " ago from 127.0.0.1, was refused (401)")

	// We have another one than the running daemon.
	password := filepath.Join(filepath.Dir(s.file), "webhook-password")
	if err := os.WriteFile(password, []byte("a-newer-webhook-password"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.doctored().wants(t, probeFail, "webhook-round-trip of firm.example: "+s.world.public+" does not take the username, password and token of the configuration (401)")
	if err := os.WriteFile(password, []byte(s.world.access.Password), 0o600); err != nil {
		t.Fatal(err)
	}

	// The webhooks on the PBX lead to an address where somebody else is.
	var answer http.HandlerFunc
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	defer other.Close()
	s.cli("vodia", "subscribe", "--rate", "1000", "--yes", "--url", other.URL).wants(t, exitOK)
	for what, answers := range map[string]http.HandlerFunc{
		"does not know the tenant, or is not smokepop (404)":      http.NotFound,
		"answers the test event 200 OK, and not as smokepop does": func(http.ResponseWriter, *http.Request) {},
		"another smokepop than this daemon answers at " + other.URL: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"result":"skipped","reason":"state"}`))
		},
		"a proxy does not reach the daemon (502": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
	} {
		answer = answers
		s.doctored().wants(t, probeFail, what)
	}
	other.Close()
	s.doctored().wants(t, probeFail, "webhook-round-trip of firm.example: "+other.URL+" refuses the connection")
}

func TestDoctorOnWebhooksThatAreNotForThisMachine(t *testing.T) {
	s := startSystem(t, systemOptions{world: func(_ *demoWorld, settings map[string]any) {
		settings["tenants"].([]map[string]any)[0]["pbx"].(map[string]any)["webhook"].(map[string]any)["allow"] = []string{"192.0.2.0/24"}
	}})
	r := s.doctored()
	r.wants(t, probeSkip, "webhook-round-trip of firm.example: "+s.world.public+" lets only the networks of webhook.allow in")
	r.wants(t, probeOK, "webhook-listener of firm.example: ")
}

func TestDoctorOnASilentPBX(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	before := func(d time.Duration) *time.Time { at := now.Add(-d); return &at }
	for name, c := range map[string]struct {
		up   time.Duration
		last *time.Time
		want verdict
		what string
	}{
		"just started":  {5 * time.Minute, nil, probeSkip, "began 5 minutes ago"},
		"never":         {3 * time.Hour, nil, probeWarn, "no webhook has come since the daemon began 3 hours ago"},
		"long weekend":  {300 * time.Hour, before(95 * time.Hour), probeOK, "came 3 days ago"},
		"gone":          {300 * time.Hour, before(97 * time.Hour), probeWarn, "came 4 days ago"},
		"just now":      {time.Hour, before(time.Second), probeOK, "came 1 seconds ago"},
		"other tenants": {time.Hour, before(-1), probeFail, "does not know the tenant"},
	} {
		t.Run(name, func(t *testing.T) {
			news := webhookNews{Since: now.Add(-c.up)}
			if name != "other tenants" {
				news.Tenants = []tenantNews{{Last: c.last}}
			}
			tried(t, "last-webhook", func(_ context.Context, n *chart) { judgeNews(n, news, now) }).wants(t, c.want, c.what)
		})
	}
	// What does not come about may be for this machine alone.
	tried(t, "webhook-round-trip", func(_ context.Context, n *chart) {
		notDelivered(n, "https://pop.firm.example:8444", errors.New("no route to host"))
	}).
		wants(t, probeWarn, "is not reached from this machine")
}
