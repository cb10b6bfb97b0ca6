package smokeball_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/smokepop/smokepop/internal/screenpop"
	. "github.com/smokepop/smokepop/internal/smokeball"
)

func newClient(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return NewClient(ClientConfig{APIBase: s.URL + "/", APIKey: "the-key", ClientID: "app", HTTP: NewHTTPClient("1.2.3")})
}

// golden answers with a file of testdata.
func golden(t *testing.T, name string, seen *http.Request) http.HandlerFunc {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if seen != nil {
			*seen = *r
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Write(b)
	}
}

func TestSearchOnTheWire(t *testing.T) {
	var seen http.Request
	c := newClient(t, golden(t, "contacts_au.json", &seen))
	if _, err := c.SearchContacts(t.Context(), "the-token", ContactQuery{Phone: "*8120*", Limit: 200, Offset: 400}); err != nil {
		t.Fatal(err)
	}
	want := url.Values{"Search": {"phone:*8120*"}, "ExcludeDeletedContacts": {"true"}, "Limit": {"200"}, "Offset": {"400"}}
	if got := seen.URL.Query(); !reflect.DeepEqual(got, want) || seen.Method != "GET" || seen.URL.Path != "/contacts" {
		t.Errorf("%s %s", seen.Method, seen.URL)
	}
	for name, want := range map[string]string{
		"X-Api-Key": "the-key", "Authorization": "Bearer the-token", "User-Agent": "smokepop/1.2.3", "Accept": "application/json",
	} {
		if got := seen.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	guid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	if id := seen.Header.Get("RequestId"); !guid.MatchString(id) {
		t.Errorf("RequestId %q", id)
	}
}

func TestGoldenContacts(t *testing.T) {
	au, err := newClient(t, golden(t, "contacts_au.json", nil)).SearchContacts(t.Context(), "x", ContactQuery{Phone: "*8120"})
	if err != nil {
		t.Fatal(err)
	}
	want := ContactPage{Size: 3, Rows: 2, Contacts: []Contact{
		{ID: "0855eddc-f152-44b5-8dad-f687cab9a922", Kind: screenpop.Person, Name: "Marlee Quigg", Email: "marlee@quigg.example", Updated: 639074233716654000,
			Phones: []Phone{{"phone2", "", "0242248120", ""}, {"cell", "", "0242248120", ""}}},
		{ID: "6103e5eb-701e-49b6-b094-b82a906fe865", Kind: screenpop.Company, Name: "Test Company", Updated: 639074238392527000,
			Phones: []Phone{{"phone", "", "0242248121", ""}}},
	}}
	if !reflect.DeepEqual(au, want) {
		t.Errorf("AU\n%+v\n%+v", au, want)
	}
	us, err := newClient(t, golden(t, "contacts_us.json", nil)).SearchContacts(t.Context(), "x", ContactQuery{Phone: "*4567"})
	if err != nil {
		t.Fatal(err)
	}
	want = ContactPage{Size: 761, Rows: 4, Contacts: []Contact{
		{ID: "b471682e-fa17-4e46-b7fe-9b2b8fdcb3c2", Kind: screenpop.Person, Name: "John Smith", Email: "john.smith@brown.example", Deleted: true, Updated: 637847425252027400,
			Phones: []Phone{{"phone", "555", "1234567", ""}, {"phone2", "555", "1234567", "103"}, {"cell", "555", "1234567", ""}, {"fax", "555", "1234567", ""}}},
		{ID: "1f4e2bb2-8a2c-4d67-9d61-6f1a0f6f3b10", Kind: screenpop.Company, Name: "Brown LLC", Email: "contact@brown.example", Updated: 637847425252027401,
			Phones: []Phone{{"phone", "555", "1234567", ""}, {"fax", "555", "1234567", ""}}},
		{ID: "2c1b6a52-91f0-4b39-9b0a-0f9f5a4d7c33", Kind: screenpop.Trust, Name: "Trinity Trust", Updated: 637847425252000000,
			Phones: []Phone{{"phone", "555", "1234567", ""}, {"fax", "555", "1234567", ""}}},
		{ID: "323f9755-045a-4b68-a536-eb566b8428ff", Kind: screenpop.Group, Name: "John Smith & Jane Citizen",
			Members: []string{"a1d868da-1243-4b9f-a8e3-cfc5c4abda50", "ea4ca7b9-b826-4840-a8b5-94e0c6977c65"}},
	}}
	us.Contacts[2].Updated = us.Contacts[2].Updated / 1e6 * 1e6 // it came as a float
	if !reflect.DeepEqual(us, want) {
		t.Errorf("US\n%+v\n%+v", us, want)
	}
}

func TestOneContact(t *testing.T) {
	var seen http.Request
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		seen = *r
		w.Write([]byte(`{"id":"` + id + `","company":{"name":"Kline LLP","phone":{"number":"617 399 8147"}}}`))
	})
	got, err := c.Contact(t.Context(), "x", id)
	if err != nil || got.Name != "Kline LLP" || seen.URL.Path != "/contacts/"+id {
		t.Errorf("%+v, %v from %s", got, err, seen.URL)
	}
}

func TestMatters(t *testing.T) {
	var seen http.Request
	got, err := newClient(t, golden(t, "matters.json", &seen)).Matters(t.Context(), "x", id, 5)
	want := []Matter{
		{ID: "68df1d38-b9a3-4855-b32f-6af1aae2f258", Number: "10001", Title: "Smith | Sale", Status: "Open", Opened: time.Date(2026, 4, 23, 14, 0, 0, 0, time.UTC)},
		{ID: "7a0e4b0e-7a4f-4d0b-b8f7-5f9f2f4f8a11", Number: "10002", Title: "Will", Status: "Pending", Lead: true},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	query := url.Values{"ContactId": {id}, "Status": {"Open", "Pending"}, "Limit": {"5"}}
	if q := seen.URL.Query(); seen.URL.Path != "/matters" || !reflect.DeepEqual(q, query) {
		t.Errorf("asked %s", seen.URL)
	}
}

func TestStaffByEmail(t *testing.T) {
	var seen http.Request
	got, err := newClient(t, golden(t, "staff.json", &seen)).StaffByEmail(t.Context(), "x", "priya@firm.example")
	want := []Staff{{ID: "66f7fa24-bb03-4d89-ac28-e19620cc1e45", UserID: "526670af-acd8-401e-bc64-6d4cafb4a12a", Name: "Priya Shah", Email: "Priya@firm.example", Enabled: true}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if s := seen.URL.Query().Get("Search"); seen.URL.Path != "/staff" || s != "email:priya@firm.example" {
		t.Errorf("asked %s", seen.URL)
	}
}

func TestSmallRecords(t *testing.T) {
	var path string
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.Path
		w.Write([]byte(`{"id":"i","staffId":"s","userId":"u","isFormerUser":true,"email":"a@b.example","name":"Firm","owner":"Smokeball","firstName":"A","lastName":"B"}`))
	})
	if got, err := c.FirmUser(t.Context(), "x", "user_1"); err != nil || got != (FirmUser{"s", "u", true}) || path != "/firmusers/user_1" {
		t.Errorf("%+v, %v from %s", got, err, path)
	}
	if got, err := c.Staff(t.Context(), "x", id); err != nil || got.Name != "A B" || path != "/staff/"+id {
		t.Errorf("%+v, %v from %s", got, err, path)
	}
	if got, err := c.User(t.Context(), "x", id); err != nil || got != (User{"u", "a@b.example"}) || path != "/users/"+id {
		t.Errorf("%+v, %v from %s", got, err, path)
	}
	if got, err := c.Firm(t.Context(), "x"); err != nil || got != (Firm{"i", "Firm", "Smokeball"}) || path != "/firm" {
		t.Errorf("%+v, %v from %s", got, err, path)
	}
}

func TestStatusErrors(t *testing.T) {
	for _, c := range []struct {
		status     int
		retryAfter string
		want       time.Duration
	}{
		{400, "", 0}, {401, "", 0}, {403, "", 0}, {404, "", 0}, {500, "", 0}, {202, "", 0}, {204, "", 0}, {302, "", 0},
		{503, "2", 2 * time.Second}, {429, "1.5", 1500 * time.Millisecond}, {429, "-3", 0}, {429, "soon", 0}, {429, "86400", 5 * time.Minute},
		{429, "Mon, 02 Jan 2006 15:04:05 GMT", 0},
	} {
		client := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
			if c.retryAfter != "" {
				w.Header().Set("Retry-After", c.retryAfter)
			}
			w.Header().Set("Location", "https://elsewhere.example/")
			w.WriteHeader(c.status)
		})
		_, err := client.Firm(t.Context(), "x")
		var status *StatusError
		if !errors.As(err, &status) || status.Status != c.status || status.RetryAfter != c.want || status.Endpoint != EndpointFirm {
			t.Errorf("%d %q: %v", c.status, c.retryAfter, err)
		}
	}
}

func TestRequestMetrics(t *testing.T) {
	r := prometheus.NewRegistry()
	status := 200
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		w.Write([]byte("{}"))
	}))
	defer s.Close()
	metrics := NewMetrics(r)
	for _, status = range []int{200, 418, 429} {
		NewClient(ClientConfig{APIBase: s.URL, Metrics: metrics}).Firm(t.Context(), "x")
	}
	want := `
# HELP smokepop_smokeball_rate_limited_total Answers 429: Smokeball found us too fast.
# TYPE smokepop_smokeball_rate_limited_total counter
smokepop_smokeball_rate_limited_total 1
# HELP smokepop_smokeball_requests_total Requests sent to Smokeball's API. status: the HTTP status where it is a usual one, else 2xx to 5xx; timeout, cancelled, connection: no whole answer; malformed: a 200 that could not be read.
# TYPE smokepop_smokeball_requests_total counter
smokepop_smokeball_requests_total{endpoint="firm",status="200"} 1
smokepop_smokeball_requests_total{endpoint="firm",status="429"} 1
smokepop_smokeball_requests_total{endpoint="firm",status="4xx"} 1
`
	if err := testutil.GatherAndCompare(r, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}
