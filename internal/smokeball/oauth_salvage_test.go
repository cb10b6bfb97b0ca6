package smokeball_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
)

const rotated = `{"access_token":"a","refresh_token":"r\u0032","expires_in":3600}`

// The refresh token of an answer that is no good otherwise may be the only one
// that still works.
func TestRefreshTokenOfAnAnswerThatIsNoGoodIsKept(t *testing.T) {
	breaksOff := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", strconv.Itoa(len(body)+100))
			_, _ = w.Write([]byte(body))
		}
	}
	status := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	for name, row := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"too long":                  {status(200, rotated+strings.Repeat(" ", 64<<10)), "r2"},
		"too long within":           {status(200, strings.TrimSuffix(rotated, "}")+`,"x":"`+strings.Repeat("x", 64<<10)+`"}`), "r2"},
		"breaks off behind it":      {breaksOff(rotated[:len(rotated)-3]), "r2"},
		"breaks off in it":          {breaksOff(rotated[:strings.Index(rotated, "2\"")]), ""},
		"breaks off before it":      {breaksOff(`{"access_token":"a","refresh`), ""},
		"stops behind it":           {status(200, rotated[:len(rotated)-3]), "r2"},
		"rubbish behind it":         {status(200, rotated+"<!-- debug -->"), "r2"},
		"no access token":           {status(200, `{"refresh_token":"r2"}`), "r2"},
		"the one that was sent":     {status(200, `{"refresh_token":"r1","x":`), ""},
		"an error code":             {status(200, `{"error":"server_error","refresh_token":"r2","x":`), ""},
		"no error code":             {status(200, `{"error":null,"refresh_token":"r2","x":`), "r2"},
		"in another object":         {status(200, `{"x":{"refresh_token":"r2"},"y":`), ""},
		"a list":                    {status(200, `["refresh_token","r2"`), ""},
		"a number":                  {status(200, `{"refresh_token":2,"x":`), ""},
		"of an error":               {status(400, rotated), ""},
		"of an error that runs dry": {breaksOff(""), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newAuthServer(t, row.answer)
			g, err := s.client().Refresh(t.Context(), "r1")
			if err == nil || g.RefreshToken.Reveal() != row.want || g.AccessToken != "" {
				t.Errorf("%q, want %q; %v", g.RefreshToken.Reveal(), row.want, err)
			}
			if err != nil && strings.Contains(err.Error(), "r2") {
				t.Errorf("the error tells it: %v", err)
			}
		})
	}
}
