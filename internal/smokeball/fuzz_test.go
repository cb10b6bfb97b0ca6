package smokeball

import (
	"encoding/json"
	"math"
	"net/http"
	"testing"
	"time"
)

// Whatever the token server answers: what is left of it is what the library can
// read, it lasts a while and not for ever, no refresh token is kept beside an
// error, and to leave things out twice leaves out no more.
func FuzzTokenAnswer(f *testing.F) {
	for _, s := range []string{
		`{"access_token":"a","refresh_token":"r","token_type":"Bearer","expires_in":3600}`, `{"expires_in":"3600","access_token":7}`,
		`{"expires_in":0,"access_token":"a"}`, `{"expires_in":1e400}`, `{"expires_in":"NaN"}`, `{"expires_in":"-Inf","refresh_token":""}`, `{"error":"invalid_grant","refresh_token":"r"}`,
		`null`, `[]`, `{"access_token":"a"`, "\ufeff{}", `{"access_token":"\u0000"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var kept, again salvage
		clean := tidy(body, &kept)
		var all map[string]json.RawMessage
		if json.Unmarshal(body, &all) != nil || all == nil {
			if string(clean) != string(body) {
				t.Fatalf("%q became %q", body, clean)
			}
			return
		}
		var answer struct {
			Access  string `json:"access_token"`
			Refresh string `json:"refresh_token"`
			Type    string `json:"token_type"`
			Error   string
			Expires int64 `json:"expires_in"`
		}
		if err := json.Unmarshal(clean, &answer); err != nil {
			t.Fatalf("%q: %v", clean, err)
		}
		if answer.Expires < 1 || answer.Expires > math.MaxInt32 {
			t.Errorf("it lasts %d s", answer.Expires)
		}
		if kept.refresh != "" && (answer.Error != "" || kept.refresh != answer.Refresh) {
			t.Errorf("kept %q of %s", kept.refresh, clean)
		}
		if twice := tidy(clean, &again); string(twice) != string(clean) || again != kept {
			t.Errorf("%s became %s", clean, twice)
		}
	})
}

// Nobody makes us wait longer than the bound, nor less than no time.
func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"1", "0.5", "-7", "1e300", "NaN", "Inf", "-Inf", "0x1p-2", "Wed, 21 Oct 2026 07:28:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", " 2 ", "１"} {
		f.Add(s, int64(1_790_000_000))
	}
	f.Fuzz(func(t *testing.T, v string, now int64) {
		if d := retryAfter(http.Header{"Retry-After": {v}}, time.Unix(now, 0)); d < 0 || d > maxRetryAfter {
			t.Errorf("%q is %v", v, d)
		}
	})
}
