package pbxevents

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Everything a template may make of the same event is the same event.
func TestDecodeShapes(t *testing.T) {
	const form, jsonType = "application/x-www-form-urlencoded", "application/json"
	for _, c := range []struct{ what, path, contentType, body string }{
		{"JSON", "", jsonType, `{"event":"ringing","call_id":"c","from":"+16173998147","to":"101"}`},
		{"JSON with a charset", "", "application/json; charset=utf-8", `{"event":"ringing","call_id":"c","from":"+16173998147","to":"101"}`},
		{"JSON by suffix", "", "application/vnd.vodia+json", `{"event":"ringing","call_id":"c","from":"+16173998147","to":"101"}`},
		{"JSON with numbers", "", jsonType, `{"event":"ringing","call_id":17,"from":16173998147,"to":101,"time":1592354549.582}`},
		{"JSON with blanks around", "", jsonType, "\n { \"event\" : \"ringing\" , \"call_id\":\"c\",\"from\":\" +16173998147 \",\"to\":\"101\"} \n"},
		{"JSON with unknown fields", "", jsonType, `{"event":"ringing","call_id":"c","from":"6173998147","to":"101","x":{"y":[1,{"z":null}]},"mp3":true}`},
		{"JSON with null", "", jsonType, `{"event":"ringing","call_id":"c","from":"6173998147","to":"101","extension":null,"queue":null}`},
		{"JSON with an extension list", "", jsonType, `{"event":"ringing","call_id":"c","from":"6173998147","to":"600","extension":["101",101]}`},
		{"JSON with extensions behind commas", "", jsonType, `{"event":"ringing","call_id":"c","from":"6173998147","to":"600","extension":"101, 101@firm.example.com"}`},
		{"JSON with Vodia's star beside the extension", "", jsonType, `{"event":"ringing","call_id":"c","from":"6173998147","to":"600","extension":["101*"]}`},
		{"JSON with aliases", "", jsonType, `{"state":"alerting","call-id":"c","caller":"6173998147","callee":"600","ext":"101","dir":"I","from-display":"John"}`},
		{"JSON with other aliases", "", jsonType, `{"type":"newcall","callid":"c","from_number":"6173998147","to_number":"600","account":"101"}`},
		{"JSON with user as extension", "", jsonType, `{"event":"ringing","call_id":"c","from":"6173998147","user":"101@firm.example.com"}`},
		{"JSON keys in capitals", "", jsonType, `{"Event":"Ringing","Call_ID":"c","FROM":"6173998147","To":"101"}`},
		{"JSON with the event id for the call id", "", jsonType, `{"event":"ringing","id":"c","from":"6173998147","to":"101"}`},
		{"JSON with unfilled variables", "", jsonType, `{"event":"ringing","call_id":"{call-id}","id":"c","from":"6173998147","to":"101","extension":"{extension}","direction":"{dir}"}`},
		{"JSON with an unfilled variable in a list", "", jsonType, `{"event":"ringing","call_id":"c","from":"6173998147","extension":["{ext}","101"]}`},
		{"an alias that says something before one that does not", "", jsonType, `{"event":"","state":"ringing","call_id":"c","from":"","caller":"6173998147","to":"101"}`},
		{"the first alias holds", "", jsonType, `{"event":"ringing","state":"terminated","call_id":"c","from":"6173998147","caller":"911","to":"101"}`},
		{"form", "", form, "event=ringing&call_id=c&from=%2B16173998147&to=101"},
		{"form with an unescaped plus", "", form, "event=ringing&call_id=c&from=+16173998147&to=101"},
		{"form with an extension twice", "", form, "event=ringing&call_id=c&from=6173998147&to=600&extension=101&extension=199"},
		{"form with a URI", "", form, "event=ringing&call_id=c&from=" + url.QueryEscape(`"John" <sip:6173998147@h;user=phone>`) + "&to=101"},
		{"JSON without a type", "", "", `{"event":"ringing","call_id":"c","from":"6173998147","to":"101"}`},
		{"form without a type", "", "", "event=ringing&call_id=c&from=6173998147&to=101"},
		{"query alone", "?event=ringing&call_id=c&from=6173998147&to=101", "", ""},
		{"query beside an empty body with a type", "?event=ringing&call_id=c&from=6173998147&to=101", jsonType, "  \n"},
		{"path beats body", "/ringing/101?call_id=c", jsonType, `{"event":"terminated","extension":"199","from":"6173998147"}`},
		{"body beats query", "?event=terminated&to=199&call_id=x&from=911", jsonType, `{"event":"ringing","call_id":"c","from":"6173998147","to":"101"}`},
		{"an unfilled path leaves it to the body", "/%7Bevent%7D/%7Bextension%7D", jsonType, `{"event":"ringing","call_id":"c","from":"6173998147","extension":"101"}`},
		{"an unfilled body leaves it to the query", "?from=6173998147", jsonType, `{"event":"ringing","call_id":"c","from":"{from}","to":"101"}`},
		{"an empty extension in the body leaves it to the query", "?extension=101", jsonType, `{"event":"ringing","call_id":"c","from":"6173998147","extension":""}`},
		{"extensions in the path", "/ringing/199,101", jsonType, `{"call_id":"c","from":"6173998147"}`},
		{"an extension with an escape in the path", "/ringing/101%40firm.example.com", jsonType, `{"call_id":"c","from":"6173998147"}`},
	} {
		r := newRig(t, nil)
		status, body := r.post("/hooks/vodia/"+firm+c.path, c.contentType, c.body)
		if status != http.StatusAccepted || body != `{"result":"accepted","agents":["101"]}` {
			t.Errorf("%s: %d %s", c.what, status, body)
			continue
		}
		if got := r.sink.take(); len(got) != 1 || got[0] != ring101 {
			t.Errorf("%s: offered %q", c.what, got)
		}
	}
}

// Each refusal is one sentence that names what to fix.
func TestDecodeRefusals(t *testing.T) {
	const ok = `"event":"ringing","call_id":"c","from":"6173998147","to":"101"`
	for _, c := range []struct{ what, contentType, body, names string }{
		{"a key twice", "application/json", `{` + ok + `,"from":"911"}`, `"from"`},
		{"a key twice in another case", "application/json", `{` + ok + `,"FROM":"911"}`, `"FROM"`},
		{"an unknown key twice", "application/json", `{` + ok + `,"x":1,"x":2}`, `"x"`},
		{"bytes behind the object", "application/json", `{` + ok + `} x`, "nothing behind"},
		{"a second object", "application/json", `{` + ok + `}{}`, "nothing behind"},
		{"null", "application/json", `null`, "one JSON object"},
		{"a list", "application/json", `[{` + ok + `}]`, "one JSON object"},
		{"a string", "application/json", `"ringing"`, "one JSON object"},
		{"a number", "application/json", `17`, "one JSON object"},
		{"an object for a field", "application/json", `{"event":"ringing","call_id":"c","from":{"number":"911"}}`, `"from"`},
		{"a list for a field", "application/json", `{"event":"ringing","call_id":["c"],"from":"911"}`, `"call_id"`},
		{"a truth value for a field", "application/json", `{"event":true,"call_id":"c","from":"911"}`, `"event"`},
		{"an object for an extension", "application/json", `{"event":"ringing","call_id":"c","from":"911","extension":{}}`, `"extension"`},
		{"a list in the extension list", "application/json", `{"event":"ringing","call_id":"c","from":"911","extension":[["101"]]}`, `"extension"`},
		{"null in the extension list", "application/json", `{"event":"ringing","call_id":"c","from":"911","extension":[null]}`, `"extension"`},
		{"a fraction for a number", "application/json", `{"event":"ringing","call_id":"c","from":6.17e9}`, `"from"`},
		{"a negative number", "application/json", `{"event":"ringing","call_id":"c","from":-911}`, `"from"`},
		{"broken JSON", "application/json", `{"event":"ringing",`, "valid JSON"},
		{"JSON with a comma too many", "application/json", `{` + ok + `,}`, "valid JSON"},
		{"JSON without quotes", "application/json", `{event:"ringing"}`, "valid JSON"},
		{"broken JSON in an unknown field", "application/json", `{` + ok + `,"x":[}`, "valid JSON"},
		{"a form key twice", "application/x-www-form-urlencoded", "event=ringing&call_id=c&call_id=d&from=911", `"call_id"`},
		{"an unknown form key twice", "application/x-www-form-urlencoded", "event=ringing&call_id=c&from=911&x=1&x=1", `"x"`},
		{"a form key twice in another case", "application/x-www-form-urlencoded", "event=ringing&call_id=c&from=911&From=6173998147", "there twice"},
		{"a form with semicolons", "application/x-www-form-urlencoded", "event=ringing;call_id=c", "percent-encoded"},
		{"a form with a broken escape", "application/x-www-form-urlencoded", "event=ringing&call_id=%zz", "percent-encoded"},
		{"neither JSON nor form", "", "<event>ringing</event>", "valid JSON"},
		{"a key twice in JSON without a type", "", `{` + ok + `,"from":"911"}`, `"from"`},
		{"no event", "application/json", `{"call_id":"c","from":"911"}`, `"event"`},
		{"an empty event", "application/json", `{"event":"","call_id":"c","from":"911"}`, `"event"`},
		{"no call id", "application/json", `{"event":"ringing","from":"911"}`, `"call_id"`},
		{"an empty call id", "application/json", `{"event":"ringing","call_id":"","from":"911"}`, `"call_id"`},
		{"no party", "application/json", `{"event":"ringing","call_id":"c"}`, `"from" or "to"`},
		{"unfilled parties", "application/json", `{"event":"connected","call_id":"c","from":"{from}","to":"{to}"}`, `"from" or "to"`},
		{"a call id that is too long", "application/json", `{"event":"ringing","call_id":"` + strings.Repeat("c", 257) + `","from":"911"}`, `"call_id"`},
		{"nothing at all", "", "", `"event"`},
	} {
		r := newRig(t, nil)
		status, body := r.post("/hooks/vodia/"+firm, c.contentType, c.body)
		var p problem
		if err := json.Unmarshal([]byte(body), &p); err != nil || status != http.StatusBadRequest || p.Status != status {
			t.Errorf("%s: %d %s", c.what, status, body)
			continue
		}
		if !strings.Contains(p.Detail, c.names) || !strings.HasSuffix(p.Detail, ".") {
			t.Errorf("%s: the problem says %q, and not %q", c.what, p.Detail, c.names)
		}
		if got := r.sink.take(); got != nil {
			t.Errorf("%s: offered %q", c.what, got)
		}
	}
}

func TestDecodeUnsupportedType(t *testing.T) {
	r := newRig(t, nil)
	for _, contentType := range []string{"text/plain", "application/xml", "multipart/form-data; boundary=x", "text/html", "a/b/c", ";"} {
		if status, body := r.post("/hooks/vodia/"+firm, contentType, `{"event":"ringing"}`); status != http.StatusUnsupportedMediaType {
			t.Errorf("%s: %d %s", contentType, status, body)
		}
	}
}

// A query key twice is refused like a form's.
func TestDecodeQueryTwice(t *testing.T) {
	r := newRig(t, nil)
	req := httptest.NewRequest(http.MethodGet, "/hooks/vodia/"+firm+"?event=ringing&event=terminated&call_id=c&from=911", nil)
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	if w.Code != http.StatusBadRequest {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// An empty caller in the body is a withheld one; the query does not fill it in.
func TestDecodeEmptyPartyIsSaid(t *testing.T) {
	r := newRig(t, nil)
	status, body := r.post("/hooks/vodia/"+firm+"?from=6173998147", "application/json", `{"event":"ringing","call_id":"c","from":"","to":"101"}`)
	if status != http.StatusOK || body != `{"result":"skipped","reason":"no-number"}` {
		t.Errorf("%d %s", status, body)
	}
}
