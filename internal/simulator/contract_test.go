package simulator_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	. "github.com/smokepop/smokepop/internal/simulator"
)

const description = "../../../shared/contracts/smokeball-openapi.json"

func contract(t *testing.T, server string) routers.Router {
	t.Helper()
	if _, err := os.Stat(description); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("skipped: Smokeball's official API description is not at %s", description)
	}
	doc, err := openapi3.NewLoader().LoadFromFile(description)
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = openapi3.Servers{{URL: server}}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return router
}

// Answers of the simulator are what the official description says, but for one
// known difference: links say "rel" on the real wire and "relation" there.
func TestAnswersFollowTheOfficialDescription(t *testing.T) {
	firm := NewFirm()
	w := newWorld(t, func(o *Options) { o.SpecLinks, o.RateLimit = true, RateLimit{PerSecond: -1} })
	router := contract(t, w.url)
	p := w.pair(priya)
	paths := []string{
		"/contacts", "/contacts?Search=phone:*5550142&ExcludeDeletedContacts=true&Limit=50", "/contacts?Limit=3&Offset=6",
		"/contacts/0855eddc-f152-44b5-8dad-f687cab9a922", "/matters", "/matters?Status=Open&Status=Pending&Limit=5&ContactId=" + firm.Contacts[0].ID,
		"/staff", "/staff?Search=email:priya@firm.example", "/staff/" + firm.Staff[0].ID, "/staff/0855eddc-f152-44b5-8dad-f687cab9a922",
		"/firmusers/" + firm.Staff[0].UserID, "/users/" + firm.Staff[0].UserID, "/firm",
	}
	for _, c := range append(firm.Contacts, NewAustralianFirm().Contacts...) {
		w.PutContacts(c)
		paths = append(paths, "/contacts/"+c.ID)
	}
	check := func(access, path string) {
		r := w.request("GET", path, nil)
		r.Header.Set("Authorization", "Bearer "+access)
		r.Header.Set("x-api-key", w.client.APIKey)
		if err := follows(t.Context(), router, r, w.must(r)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range paths {
		check(p.access, path)
	}
}

func follows(ctx context.Context, router routers.Router, r *http.Request, a answer) error {
	route, params, err := router.FindRoute(r)
	if err != nil {
		return err
	}
	in := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateRequest(ctx, in); err != nil {
		return err
	}
	header := a.header.Clone()
	if header.Get("Content-Type") == "application/problem+json" {
		header.Set("Content-Type", "application/json") // RFC 7807 by the documentation, JSON by the description
	}
	return openapi3filter.ValidateResponse(ctx, &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: a.status, Header: header, Body: io.NopCloser(bytes.NewBufferString(a.body)),
		Options: in.Options,
	})
}

// The check itself can fail: it sees a type that is wrong.
func TestTheContractCheckSeesAWrongAnswer(t *testing.T) {
	w := newWorld(t, nil)
	router := contract(t, w.url)
	r := w.request("GET", "/contacts", nil)
	good := answer{200, http.Header{"Content-Type": {"application/json"}}, `{"value":[{"id":"x","isDeleted":false}]}`}
	if err := follows(t.Context(), router, r, good); err != nil {
		t.Errorf("a good answer: %v", err)
	}
	for _, body := range []string{`{"value":[{"id":7}]}`, `{"value":[{"rel":"Contacts"}]}`, `[]`} {
		good.body = body
		if follows(t.Context(), router, r, good) == nil {
			t.Errorf("%s passed", body)
		}
	}
}

// By default links are spelt the way the server does it.
func TestLinksSayRelOnTheWire(t *testing.T) {
	w := newWorld(t, nil)
	p := w.pair(priya)
	if a := w.get(p.access, "/matters?"+url.Values{"Search": {"Harbor Street"}}.Encode()); !strings.Contains(a.body, `"rel":"Contacts"`) || strings.Contains(a.body, "relation") {
		t.Error(a.body)
	}
}
