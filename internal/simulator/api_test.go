package simulator_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/smokepop/smokepop/internal/simulator"
)

func TestGatewayRefuses(t *testing.T) {
	w := newWorld(t, nil)
	p := w.pair(priya)
	other := w.pair("daniel@firm.example")
	w.RevokeUser("daniel@firm.example")
	rows := []struct {
		name, method, path string
		header             http.Header
		status             int
		message            string
	}{
		{"no token", "GET", "/contacts", http.Header{"X-Api-Key": {w.client.APIKey}}, 401, "Unauthorized"},
		{"unknown token", "GET", "/contacts", http.Header{"X-Api-Key": {w.client.APIKey}, "Authorization": {"Bearer a.b.c"}}, 401, "Unauthorized"},
		{"changed token", "GET", "/contacts", http.Header{"X-Api-Key": {w.client.APIKey}, "Authorization": {"Bearer " + p.access + "x"}}, 401, "Unauthorized"},
		{"no scheme", "GET", "/contacts", http.Header{"X-Api-Key": {w.client.APIKey}, "Authorization": {p.access}}, 401, "Unauthorized"},
		{"two tokens", "GET", "/contacts", http.Header{"X-Api-Key": {w.client.APIKey}, "Authorization": {"Bearer " + p.access, "Bearer " + p.access}}, 401, "Unauthorized"},
		{"refresh token", "GET", "/contacts", http.Header{"X-Api-Key": {w.client.APIKey}, "Authorization": {"Bearer " + p.refresh}}, 401, "Unauthorized"},
		{"revoked grant", "GET", "/contacts", http.Header{"X-Api-Key": {w.client.APIKey}, "Authorization": {"Bearer " + other.access}}, 401, "Unauthorized"},
		{"no key", "GET", "/contacts", http.Header{"Authorization": {"Bearer " + p.access}}, 403, "Forbidden"},
		{"wrong key", "GET", "/contacts", http.Header{"X-Api-Key": {"guess"}, "Authorization": {"Bearer " + p.access}}, 403, "Forbidden"},
		{"unknown path", "GET", "/me", http.Header{"X-Api-Key": {w.client.APIKey}, "Authorization": {"Bearer " + p.access}}, 403, "Missing Authentication Token"},
		{"other method", "DELETE", "/contacts", http.Header{"X-Api-Key": {w.client.APIKey}, "Authorization": {"Bearer " + p.access}}, 403, "Missing Authentication Token"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			r := w.request(row.method, row.path, nil)
			r.Header = row.header
			r.Header.Set("RequestId", "0c9e1a52-6c1d-4b5e-8d6e-5b8f0f7d2c11")
			a := w.must(r)
			if a.status != row.status || a.body != `{"message":"`+row.message+`"}` || a.header.Get("Content-Type") != "application/json" {
				t.Errorf("%d %s", a.status, a.body)
			}
			if a.header.Get("RequestId") != "0c9e1a52-6c1d-4b5e-8d6e-5b8f0f7d2c11" {
				t.Error("RequestId is not echoed")
			}
		})
	}
	w.RotateAPIKey(w.client.ID, "new-key")
	if a := w.get(p.access, "/firm"); a.status != 403 {
		t.Errorf("the old key after its rotation: %d", a.status)
	}
	w.RotateAPIKey(w.client.ID, w.client.APIKey)
	w.Advance(time.Hour)
	if a := w.get(p.access, "/firm"); a.status != 401 || !strings.Contains(a.body, "expired") {
		t.Errorf("an hour later: %d %s", a.status, a.body)
	}
}

func TestScopesLiveInTheToken(t *testing.T) {
	w := newWorld(t, nil)
	w.SetScopes(w.client.ID, "contacts/read")
	p := w.pair(priya)
	if a := w.get(p.access, "/matters"); a.status != 403 || !strings.Contains(a.body, "execute-api:Invoke") {
		t.Errorf("%d %s", a.status, a.body)
	}
	w.SetScopes(w.client.ID, "contacts/read", "matters/read")
	if a := w.get(p.access, "/matters"); a.status != 403 {
		t.Errorf("an old token got a new scope: %d", a.status)
	}
	if a := w.get(w.pair(priya).access, "/matters"); a.status != 200 {
		t.Errorf("a new token: %d", a.status)
	}
}

func TestApplicationRefuses(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.RateLimit = RateLimit{PerSecond: -1} })
	p := w.pair(priya)
	for path, status := range map[string]int{
		"/contacts?Limit=0":                                       400,
		"/contacts?Limit=501":                                     400,
		"/contacts?Limit=x":                                       400,
		"/contacts?Offset=-1":                                     400,
		"/contacts?Search=phone":                                  400,
		"/contacts?Search=cell:617":                               400,
		"/contacts?Search=phone:%3E6":                             400,
		"/contacts?ExcludeDeletedContacts=yes":                    400,
		"/contacts?Type=Client":                                   400,
		"/contacts?Sort=name":                                     400,
		"/contacts?Seach=phone:617":                               400,
		"/contacts?UpdatedSince=now":                              400,
		"/matters?Status=Won":                                     400,
		"/matters?ContactId=me":                                   400,
		"/staff?Search=phone:1":                                   400,
		"/contacts/not-an-id":                                     404,
		"/contacts/0855eddc-f152-44b5-8dad-f687cab9a922":          404,
		"/users/not-an-id":                                        400,
		"/users/0855eddc-f152-44b5-8dad-f687cab9a922":             404,
		"/firmusers/0855eddc-f152-44b5-8dad-f687cab9a922":         404,
		"/staff/0855eddc-f152-44b5-8dad-f687cab9a922":             404,
		"/contacts?search=phone:*&limit=1&offset=2147483647":      200,
		"/contacts?LIMIT=1&EXCLUDEDELETEDCONTACTS=True":           200,
		"/contacts?Type=person&Type=trust&Sort=desc(lastUpdated)": 200,
	} {
		a := w.get(p.access, path)
		if a.status != status {
			t.Errorf("%s: %d %s", path, a.status, a.body)
			continue
		}
		if status == 200 {
			continue
		}
		m := a.json(t)
		if a.header.Get("Content-Type") != "application/problem+json" || m["title"] == "" || m["type"] == "" {
			t.Errorf("%s: %v %v", path, a.header, m)
		}
		if errs, ok := m["errors"].([]any); status == 400 && (!ok || len(errs) == 0) {
			t.Errorf("%s: errors is %v", path, m["errors"])
		}
	}
}

// Every reading of "phone:" the contract leaves open can be switched on.
func TestPhoneSearchReadings(t *testing.T) {
	search := func(s string) url.Values {
		return url.Values{"Search": {"phone:" + s}, "ExcludeDeletedContacts": {"true"}}
	}
	rows := []struct {
		name  string
		index PhoneIndex
		finds map[string][]string
	}{
		{"concatenated, punctuation kept", PhoneIndex{}, map[string][]string{
			"6175550142":   {"Maria Castellanos"},
			"*5550142":     {"Maria Castellanos"},
			"*555014*":     {"Maria Castellanos", "Olivia Marsh", "Henry Marsh"},
			"617555014*":   {"Maria Castellanos"},
			"5085550117":   {}, // stored with a dash
			"508555-0117":  {"James Whitaker"},
			"*0117":        {"James Whitaker"},
			"6175550128":   {}, // the area code is doubled
			"*6175550128":  {"Robert Lindqvist"},
			"6175550171":   {}, // deleted
			"8575550119":   {"Aisha Rahman"},
			"*0160":        {"Dana Kowalski", "Victor Hale", "Northgate Freight, Inc."},
			"9785550121":   {"The Ashdown Family Trust"},
			"61*5550142":   {}, // a star in the middle is a character
			"":             {},
			"*5550142X":    {},
			"*0190":        {"Suffolk Probate Registry"},
			"*5550161":     {"Northgate Freight, Inc."},
			"00":           {},
			"*daughter*":   {"Rose Delacroix"},
			"*DAUGHTER*":   {"Rose Delacroix"},
			"!*0*":         {"Edith Sorensen", "a group", "a group"},
			"*5550142 *":   {},
			"*70 0*":       {"Liam O'Connell"},
			"+61 491*":     {"Liam O'Connell"},
			"*(339)555 01": {},
		}},
		{"number only", PhoneIndex{Join: NumberOnly}, map[string][]string{
			"6175550142": {}, "5550142": {"Maria Castellanos"}, "*5550142": {"Maria Castellanos"}, "8575550119": {"Aisha Rahman"},
		}},
		{"separate", PhoneIndex{Join: Separate}, map[string][]string{
			"6175550142": {}, "5550142": {"Maria Castellanos"}, "781": {"Mei Chen"},
		}},
		{"punctuation stripped", PhoneIndex{StripPunctuation: true}, map[string][]string{
			"5085550117": {"James Whitaker"}, "508-555-0117": {"James Whitaker"}, "7815550133": {"Mei Chen"}, "61491570006": {"Liam O'Connell"},
		}},
		{"no wildcards", PhoneIndex{NoWildcards: true}, map[string][]string{
			"*5550142": {}, "*5550142*": {}, "6175550142": {"Maria Castellanos"},
		}},
		{"two fields", PhoneIndex{Fields: []string{"cell", "company.phone"}}, map[string][]string{
			"6175550142": {"Maria Castellanos"}, "6175550143": {}, "*0160": {"Northgate Freight, Inc."}, "9785550121": {},
		}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.PhoneIndex, o.RateLimit = row.index, RateLimit{PerSecond: -1} })
			p := w.pair(priya)
			for value, want := range row.finds {
				if got := w.names(p.access, search(value)); !slices.Equal(got, want) {
					t.Errorf("phone:%s finds %q, want %q", value, got, want)
				}
			}
		})
	}
}

func TestSearchTermsAreAnded(t *testing.T) {
	w := newWorld(t, nil)
	p := w.pair(priya)
	if got := w.names(p.access, url.Values{"Search": {"phone:*0160", "name:*kowalski"}}); !slices.Equal(got, []string{"Dana Kowalski"}) {
		t.Errorf("%q", got)
	}
	if got := w.names(p.access, url.Values{"search": {"email:MARIA.castellanos@mail.example"}}); !slices.Equal(got, []string{"Maria Castellanos"}) {
		t.Errorf("%q", got)
	}
	// Deleted contacts are returned unless they are asked not to be.
	if got := w.names(p.access, url.Values{"Search": {"phone:6175550171"}}); !slices.Equal(got, []string{"Karl Jennings"}) {
		t.Errorf("%q", got)
	}
}

func TestPagingEnvelope(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Firm.Contacts = GenerateContacts(1, 1201, "US") })
	p := w.pair(priya)
	href := func(v any) any {
		if m, ok := v.(map[string]any); ok {
			return strings.TrimPrefix(m["href"].(string), w.url)
		}
		return v
	}
	for _, row := range []struct {
		query, first, previous, next, last string
		values                             int
	}{
		{"", "/contacts", "", "/contacts?limit=500&offset=500", "/contacts?limit=500&offset=1000", 500},
		{"?Offset=500", "/contacts", "/contacts", "/contacts?limit=500&offset=1000", "/contacts?limit=500&offset=1000", 500},
		{"?Limit=500&Offset=1000", "/contacts?limit=500", "/contacts?limit=500&offset=500", "", "/contacts?limit=500&offset=1000", 201},
		{"?Limit=500&Offset=9999", "/contacts?limit=500", "/contacts?limit=500&offset=9499", "", "/contacts?limit=500&offset=1000", 0},
	} {
		m := w.get(p.access, "/contacts"+row.query).json(t)
		got := [4]any{href(m["first"]), href(m["previous"]), href(m["next"]), href(m["last"])}
		want := [4]any{row.first, nil, nil, row.last}
		if row.previous != "" {
			want[1] = row.previous
		}
		if row.next != "" {
			want[2] = row.next
		}
		if got != want || len(m["value"].([]any)) != row.values || m["href"] != w.url+"/contacts" {
			t.Errorf("%q: %v with %d values, want %v with %d", row.query, got, len(m["value"].([]any)), want, row.values)
		}
		if _, there := m["previous"]; there != (row.previous != "") {
			t.Errorf("%q: previous is %v", row.query, m["previous"])
		}
	}
}

func TestMatters(t *testing.T) {
	firm := NewFirm()
	of := func(name string) string {
		for _, c := range firm.Contacts {
			if c.Name() == name {
				return c.ID
			}
		}
		t.Fatal(name)
		return ""
	}
	numbers := func(w *world, access, query string) string {
		a := w.get(access, "/matters?"+query)
		if a.status != 200 {
			return http.StatusText(a.status)
		}
		var out []string
		for _, v := range a.json(t)["value"].([]any) {
			out = append(out, v.(map[string]any)["number"].(string))
		}
		return strings.Join(out, " ")
	}
	maria, marsh, northgate := "ContactId="+of("Maria Castellanos"), "ContactId="+of("Olivia Marsh"), "ContactId="+of("Northgate Freight, Inc.")
	w := newWorld(t, func(o *Options) { o.RateLimit = RateLimit{PerSecond: -1} })
	p, elena, ines := w.pair(priya), w.pair("elena@firm.example"), w.pair("ines@firm.example")
	for _, row := range []struct{ who, access, query, want string }{
		{"all of a contact", p.access, maria, "10214 10187 9871"},
		{"open and pending, newest first", p.access, maria + "&Status=Open&Status=pending&Sort=desc(openedDate)&Limit=5", "10214 10187"},
		{"oldest first", p.access, maria + "&Sort=asc(openedDate)", "9871 10187 10214"},
		{"clients only", p.access, northgate, "10150"},
		{"leads", p.access, "Type=Leads", "L-311"},
		{"free text", p.access, "Search=elm+court", "10209"},
		{"walled off", p.access, marsh, ""},
		{"inside the wall", elena.access, marsh, "10225"},
		{"no access to matters", ines.access, maria, "Forbidden"},
	} {
		if got := numbers(w, row.access, row.query); got != row.want {
			t.Errorf("%s: %q, want %q", row.who, got, row.want)
		}
	}
	wide := newWorld(t, func(o *Options) { o.MattersOfOtherSides = true })
	if got := numbers(wide, wide.pair(priya).access, northgate); got != "10214 10150" {
		t.Errorf("other sides: %q", got)
	}
}

func TestWhoIsPaired(t *testing.T) {
	w := newWorld(t, nil)
	p := w.pair(priya)
	user := NewFirm().Staff[0]
	found := w.get(p.access, "/staff?Search=email:PRIYA%40firm.example").json(t)["value"].([]any)
	if len(found) != 1 || found[0].(map[string]any)["userId"] != user.UserID {
		t.Errorf("staff: %v", found)
	}
	for path, want := range map[string]string{
		"/firmusers/" + user.UserID: user.ID, "/firmusers/" + user.ID: user.ID, "/users/" + user.UserID: priya, "/staff/" + user.ID: priya, "/firm": "Harlow & Pryce LLP",
	} {
		m := w.get(p.access, path).json(t)
		if m["staffId"] != want && m["email"] != want && m["name"] != want {
			t.Errorf("%s: %v", path, m)
		}
	}
	if got := w.Requests(FirmEndpoint); len(got) != 1 || got[0].User != priya || got[0].Status != 200 || got[0].Header.Get("x-api-key") != w.client.APIKey {
		t.Errorf("recorded %+v", got)
	}
}

func TestRateLimitIsPerClientAndEndpoint(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.RateLimit = RateLimit{RetryAfter: "1"} })
	p := w.pair(priya)
	q := w.pair("daniel@firm.example") // another user of the same client
	statuses := func(access, path string, n int) (out []int) {
		for range n {
			out = append(out, w.get(access, path).status)
		}
		return out
	}
	if got := statuses(p.access, "/contacts", 5); !slices.Equal(got, []int{200, 200, 200, 200, 200}) {
		t.Errorf("the burst: %v", got)
	}
	a := w.get(q.access, "/contacts")
	if a.status != 429 || a.body != `{"message":"Too Many Requests"}` || a.header.Get("Retry-After") != "1" {
		t.Errorf("the sixth: %d %s", a.status, a.body)
	}
	if a := w.get(p.access, "/matters"); a.status != 200 {
		t.Errorf("another endpoint: %d", a.status)
	}
	w.Advance(200 * time.Millisecond)
	if got := statuses(p.access, "/contacts", 2); !slices.Equal(got, []int{200, 429}) {
		t.Errorf("a fifth of a second later: %v", got)
	}
	if w.RateLimited() != 2 || w.Count(ContactsEndpoint) != 8 {
		t.Errorf("%d refused of %d", w.RateLimited(), w.Count(ContactsEndpoint))
	}
	w.Advance(time.Minute)
	if got := statuses(p.access, "/contacts", 6); got[4] != 200 || got[5] != 429 {
		t.Errorf("after a pause: %v", got)
	}
}

func TestContactsChangeWhileItRuns(t *testing.T) {
	w := newWorld(t, nil)
	p := w.pair(priya)
	c := NewFirm().Contacts[0]
	moved := *c.Person
	moved.Cell, moved.Phone = Phone{AreaCode: "401", Number: "5550164"}, Phone{}
	c.Person = &moved
	w.PutContacts(c)
	if got := w.names(p.access, url.Values{"Search": {"phone:6175550142"}}); len(got) != 0 {
		t.Errorf("the old number still finds %q", got)
	}
	if got := w.names(p.access, url.Values{"Search": {"phone:4015550164"}}); !slices.Equal(got, []string{"Maria Castellanos"}) {
		t.Errorf("the new number finds %q", got)
	}
}

func TestRecordLinksLeadToAPage(t *testing.T) {
	w := newWorld(t, nil)
	c := NewFirm().Contacts[0]
	if a := w.must(w.request("GET", "/", nil)); a.status != 200 || !strings.Contains(a.body, "Simulated Smokeball") || !strings.Contains(a.header.Get("Content-Security-Policy"), "script-src 'nonce-") {
		t.Errorf("%d %v", a.status, a.header)
	}
	if a := w.must(w.request("GET", "/app/contacts/"+c.ID, nil)); a.json(t)["title"] != "Maria Castellanos" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := w.must(w.request("GET", "/app/matters/"+NewFirm().Matters[0].ID, nil)); a.json(t)["detail"] != "10214 · Open" {
		t.Errorf("%d %s", a.status, a.body)
	}
	var deleted string
	for _, c := range NewFirm().Contacts {
		if c.Deleted {
			deleted = c.ID
		}
	}
	for _, id := range []string{"x", deleted} {
		if a := w.must(w.request("GET", "/app/contacts/"+id, nil)); a.status != 404 {
			t.Errorf("%q: %d", id, a.status)
		}
	}
}
