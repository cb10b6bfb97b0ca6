package smokeball_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/smokepop/smokepop/internal/screenpop"
	. "github.com/smokepop/smokepop/internal/smokeball"
)

// official loads Smokeball's own description, which stands beside the
// repository where it was handed to us and is no part of it.
func official(t *testing.T) *openapi3.T {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	path := filepath.Join(dir, "..", "shared", "contracts", "smokeball-openapi.json")
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		t.Skipf("not checked against Smokeball's official description: %s is not there", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(b)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// describedAPI answers with what the description gives as examples. It refuses
// a request that is not as described, and an answer of its own that is not.
type describedAPI struct {
	t      *testing.T
	doc    *openapi3.T
	router routers.Router
	shape  func(answer map[string]any) // changes an answer before it goes out
	asked  string
}

func newDescribedAPI(t *testing.T) (*describedAPI, *Client) {
	t.Helper()
	a := &describedAPI{t: t, doc: official(t)}
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	a.doc.Servers = openapi3.Servers{{URL: s.URL}}
	var err error
	if a.router, err = gorillamux.NewRouter(a.doc); err != nil {
		t.Fatal(err)
	}
	return a, NewClient(ClientConfig{APIBase: s.URL, APIKey: "the-key"})
}

func (a *describedAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	described := r.Clone(r.Context())
	described.URL.Scheme, described.URL.Host = "http", r.Host
	route, params, err := a.router.FindRoute(described)
	if err != nil {
		a.t.Errorf("%s %s is not described: %v", r.Method, r.URL.Path, err)
		w.WriteHeader(http.StatusTeapot)
		return
	}
	a.asked = route.Method + " " + route.Path
	known := map[string]bool{}
	for _, p := range append(route.PathItem.Parameters, route.Operation.Parameters...) {
		known[p.Value.In+" "+p.Value.Name] = true
	}
	for name := range r.URL.Query() {
		if !known["query "+name] {
			a.t.Errorf("%s has no parameter %q", a.asked, name)
		}
	}
	secured := map[string]bool{}
	request := &openapi3filter.RequestValidationInput{
		Request: described, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true,
			AuthenticationFunc: func(_ context.Context, in *openapi3filter.AuthenticationInput) error {
				secured[in.SecurityScheme.Name] = in.RequestValidationInput.Request.Header.Get(in.SecurityScheme.Name) != ""
				return nil
			},
		},
	}
	if err := openapi3filter.ValidateRequest(r.Context(), request); err != nil {
		a.t.Errorf("%s: %v", a.asked, err)
	}
	if !secured["x-api-key"] || !secured["Authorization"] {
		a.t.Errorf("%s: security %v", a.asked, secured)
	}

	schema := route.Operation.Responses.Status(200).Value.Content.Get("application/json").Schema
	answer := example(schema, 6).(map[string]any)
	if a.shape != nil {
		a.shape(answer)
	}
	body, err := json.Marshal(answer)
	if err != nil {
		a.t.Fatal(err)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	err = openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: 200, Header: header, Body: io.NopCloser(bytes.NewReader(body)), Options: request.Options,
	})
	if err != nil {
		a.t.Errorf("the test's own answer to %s is not as described: %v", a.asked, err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(body)
}

// example makes a value of a schema out of the description's own examples.
func example(ref *openapi3.SchemaRef, depth int) any {
	s := ref.Value
	switch {
	case depth == 0:
		return nil
	case s.Type.Is("array"):
		if v := example(s.Items, depth-1); v != nil {
			return []any{v}
		}
		return []any{}
	case s.Type.Is("object") && len(s.Properties) > 0:
		o := map[string]any{}
		for name, p := range s.Properties {
			if v := example(p, depth-1); v != nil {
				o[name] = v
			}
		}
		return o
	case s.Example != nil && s.Format == "date-time":
		if _, err := time.Parse(time.RFC3339, s.Example.(string)); err != nil {
			return nil // some of its examples are not as it says itself
		}
		return s.Example
	case s.Example != nil:
		return s.Example
	case len(s.AllOf) == 1:
		return example(s.AllOf[0], depth)
	case s.Type.Is("integer"):
		return 1
	case s.Type.Is("boolean"):
		return false
	}
	return nil // everything may be missing
}

// only leaves one kind in each contact of a page.
func only(kind string) func(map[string]any) {
	return func(page map[string]any) {
		for _, row := range page["value"].([]any) {
			for _, other := range []string{"person", "company", "trust", "groupOfPeople"} {
				if other != kind {
					delete(row.(map[string]any), other)
				}
			}
		}
	}
}

func TestContactsAsDescribed(t *testing.T) {
	a, c := newDescribedAPI(t)
	number := func(field, extension string) Phone { return Phone{field, "555", "1234567", extension} }
	for kind, want := range map[string]Contact{
		"person": {Kind: screenpop.Person, Name: "John Smith", Email: "john.smith@brown.com",
			Phones: []Phone{number("phone", ""), number("phone2", "103"), number("cell", ""), number("fax", "")}},
		"company":       {Kind: screenpop.Company, Name: "Brown LLC", Email: "contact@brown.com", Phones: []Phone{number("phone", ""), number("fax", "")}},
		"trust":         {Kind: screenpop.Trust, Name: "Trinity Trust", Phones: []Phone{number("phone", ""), number("fax", "")}},
		"groupOfPeople": {Kind: screenpop.Group, Name: "John Smith & Jane Citizen"},
	} {
		a.shape = only(kind)
		want.ID, want.Deleted, want.Updated = "b471682e-fa17-4e46-b7fe-9b2b8fdcb3c2", true, 637847425252027400
		page, err := c.SearchContacts(t.Context(), "x", ContactQuery{Phone: "*1234567*", Limit: 500, Offset: 500})
		if err != nil || len(page.Contacts) != 1 {
			t.Fatalf("%s: %+v, %v", kind, page, err)
		}
		got := page.Contacts[0]
		if kind != "groupOfPeople" && got.Phones == nil {
			t.Fatalf("%s has no phones", kind)
		}
		if got.Updated/1000 == want.Updated/1000 {
			want.Updated = got.Updated // the description's example went through a float64 in this test
		}
		if !reflect.DeepEqual(got, want) || a.asked != "GET /contacts" {
			t.Errorf("%s from %s\n%+v\n%+v", kind, a.asked, got, want)
		}
	}
	a.shape = nil
	if got, err := c.Contact(t.Context(), "x", id); err != nil || got.Name != "John Smith" || a.asked != "GET /contacts/{id}" {
		t.Errorf("%s: %+v, %v", a.asked, got, err)
	}
}

func TestTheRestAsDescribed(t *testing.T) {
	a, c := newDescribedAPI(t)
	const record, user = "b471682e-fa17-4e46-b7fe-9b2b8fdcb3c2", "14b5dd57-3681-420e-a483-4823424eef45"
	staff := Staff{ID: record, UserID: user, Name: "John Smith", Email: "john.smith@brown.com", Enabled: true}

	matters, err := c.Matters(t.Context(), "x", id, 5)
	want := []Matter{{ID: record, Number: "FUS-124", Title: "AM-0323-0005 - Smith - Sale - Jones", Status: "Open", Opened: time.Date(2022, 4, 23, 14, 0, 0, 0, time.UTC)}}
	if err != nil || !reflect.DeepEqual(matters, want) || a.asked != "GET /matters" {
		t.Errorf("%s: %+v, %v", a.asked, matters, err)
	}
	if got, err := c.StaffByEmail(t.Context(), "x", "John.Smith@brown.com"); err != nil || !reflect.DeepEqual(got, []Staff{staff}) || a.asked != "GET /staff" {
		t.Errorf("%s: %+v, %v", a.asked, got, err)
	}
	if got, err := c.Staff(t.Context(), "x", id); err != nil || got != staff || a.asked != "GET /staff/{id}" {
		t.Errorf("%s: %+v, %v", a.asked, got, err)
	}
	if got, err := c.FirmUser(t.Context(), "x", id); err != nil || got != (FirmUser{"750eb5c5-ac0b-7d11-4997-e0ce9d8896c8", record, false}) || a.asked != "GET /firmusers/{id}" {
		t.Errorf("%s: %+v, %v", a.asked, got, err)
	}
	if got, err := c.User(t.Context(), "x", id); err != nil || got != (User{"23d2a4bc-8529-462e-8560-dfbf4fa24e49", "user@domain.com"}) || a.asked != "GET /users/{id}" {
		t.Errorf("%s: %+v, %v", a.asked, got, err)
	}
	if got, err := c.Firm(t.Context(), "x"); err != nil || got != (Firm{"f4ff1eff-b7fe-4d46-4e46-01d985838d76", "Brown LLC", "Smokeball"}) || a.asked != "GET /firm" {
		t.Errorf("%s: %+v, %v", a.asked, got, err)
	}
}

// The contract's answers that we keep in testdata differ from the description
// in one known point only: links have "rel" where it says "relation".
func TestGoldenAnswersAsDescribed(t *testing.T) {
	doc := official(t)
	for file, name := range map[string]string{
		"contacts_au.json": "ContactPagedCollection", "contacts_us.json": "ContactPagedCollection",
		"staff.json": "StaffPagedCollection", "matters.json": "MatterPagedCollection",
	} {
		b, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(bytes.ReplaceAll(b, []byte(`"rel":`), []byte(`"relation":`)), &v); err != nil {
			t.Fatal(err)
		}
		if err := doc.Components.Schemas[name].Value.VisitJSON(v); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}
