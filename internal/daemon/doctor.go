package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/lookup"
	"github.com/smokepop/smokepop/internal/pbxevents"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/smokeball"
	"github.com/smokepop/smokepop/internal/web"
)

// SmokeballHosts returns where a tenant's Smokeball is: its OAuth, API and web
// app addresses.
func SmokeballHosts(t config.Tenant) (auth, api, app string, err error) {
	h, err := smokeball.HostsFor(t.Region, t.Staging, smokeball.Hosts(t.Smokeball.Endpoints))
	return h.Auth, h.API, h.App, err
}

// RedirectURL is where Smokeball sends browsers back to, as it has to be
// registered there.
func RedirectURL(publicURL string) string { return publicURL + web.PairCallback }

// SignOnRedirectURL is the same of the identity provider.
func SignOnRedirectURL(publicURL string) string { return publicURL + web.SignOnCallback }

// TestEvent and TestAgent mark what the doctor sends the way the PBX does.
const (
	TestEvent = pbxevents.TestEvent
	TestAgent = pbxevents.TestAgent
)

// doctor is the finder and the receiver in the words of web.
type doctor struct {
	finder   *lookup.Finder
	receiver *pbxevents.Receiver
}

func (d doctor) Webhooks() (since time.Time, list []web.WebhookReport) {
	since, heard := d.receiver.Heard()
	for _, domain := range slices.Sorted(maps.Keys(heard)) {
		h := heard[domain]
		one := web.WebhookReport{Tenant: domain}
		if !h.Event.IsZero() {
			one.Last = &h.Event
		}
		if !h.Refused.IsZero() {
			one.Refused = &web.RefusedWebhook{At: h.Refused, Status: h.Status, Detail: h.Detail, From: h.From}
		}
		list = append(list, one)
	}
	return since, list
}

func (d doctor) Firm(ctx context.Context, a screenpop.AgentID) (string, error) {
	name, err := d.finder.FirmName(ctx, a)
	return name, doctorProblem(a, err)
}

func (d doctor) Access(ctx context.Context, a screenpop.AgentID) (web.AccessReport, error) {
	access, err := d.finder.Access(ctx, a)
	if err != nil {
		return web.AccessReport{}, doctorProblem(a, err)
	}
	report := web.AccessReport{Firm: access.Firm, Scopes: access.Scopes, Doors: []web.Door{}}
	for _, one := range access.Doors {
		door := web.Door{Scope: one.Scope, Open: one.Open(), Status: one.Status}
		if one.Err != nil {
			door.Problem = sentenceOf(doctorProblem(a, one.Err))
		}
		report.Doors = append(report.Doors, door)
	}
	return report, nil
}

// sentenceOf is a problem as the admin is told of it.
func sentenceOf(err error) string {
	var known ailment
	if errors.As(err, &known) {
		return known.sentence
	}
	return err.Error()
}

func (d doctor) Search(ctx context.Context, a screenpop.AgentID, number, contact string) (web.SearchReport, error) {
	e, err := d.finder.Experiment(ctx, a, number, contact)
	if err != nil {
		return web.SearchReport{}, doctorProblem(a, err)
	}
	report := web.SearchReport{Number: e.Number.Masked(), Field: e.Field, Trials: []web.SearchTrial{}, Plan: e.Plan.Strings()}
	for _, t := range e.Trials {
		report.Trials = append(report.Trials, web.SearchTrial{
			Search: t.Name, Accepted: t.Accepted, Hits: t.Hits, Verified: t.Verified, Found: t.Found, Milliseconds: t.Took.Milliseconds(),
		})
	}
	return report, nil
}

// ailment is why the doctor could not examine, as the admin is told.
type ailment struct {
	error
	status   int
	sentence string
}

func (a ailment) DoctorProblem() (int, string) { return a.status, a.sentence }
func (a ailment) Unwrap() error                { return a.error }

func doctorProblem(a screenpop.AgentID, err error) error {
	if err == nil {
		return nil
	}
	for _, known := range []struct {
		err      error
		status   int
		sentence string
	}{
		{lookup.ErrNotSearchable, http.StatusBadRequest, "The number cannot be read as one of the tenant's country, or the contact's id is none: it is the long id in the address of the contact's page in Smokeball."},
		{lookup.ErrNoSuchContact, http.StatusNotFound, fmt.Sprintf("Smokeball shows extension %s no contact with this id: check the id, and that it is of this firm's account.", a.Extension)},
		{screenpop.ErrNotPaired, http.StatusConflict, fmt.Sprintf("Extension %s is not paired with Smokeball: pair it on its page, or name another with --extension.", a.Extension)},
		{screenpop.ErrRefused, http.StatusBadGateway, "Smokeball refuses the request (401 or 403): check the API key, the app's scopes, and that this person may see contacts."},
		{screenpop.ErrTooLate, http.StatusServiceUnavailable, "The phones need all of the requests Smokeball allows: try again at a quieter time."},
		{screenpop.ErrUnavailable, http.StatusBadGateway, "Smokeball does not answer as it should: try again in a minute."},
	} {
		if errors.Is(err, known.err) {
			return ailment{err, known.status, known.sentence}
		}
	}
	return err
}
