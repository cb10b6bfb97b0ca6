package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// begin returns the state of a pairing that the cookie's browser begins.
func (r *rig) begin(cookie *http.Cookie) string {
	r.t.Helper()
	var out struct {
		URL string `json:"authorize_url"`
	}
	if err := json.Unmarshal([]byte(wants(r.t, r.request("POST", "/api/pair", "", with(cookie)), 200)), &out); err != nil {
		r.t.Fatal(err)
	}
	_, state, _ := strings.Cut(out.URL, "state=")
	return state
}

// callback is what Smokeball's answer is to the browser: a plain navigation.
func (r *rig) callback(query string, change ...func(*http.Request)) *http.Response {
	return r.request("GET", "/pair/callback"+query, "", append([]func(*http.Request){without("Origin"), header("Sec-Fetch-Site", "cross-site")}, change...)...)
}

func TestPairAndUnpair(t *testing.T) {
	r := newRig(t)
	cookie := r.join(priya)
	res := r.callback("?code=c&state="+r.begin(cookie), with(cookie))
	body := text(t, res)
	if res.StatusCode != 200 || !strings.Contains(body, `data-outcome="paired"`) {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	if got := res.Header.Get("Cross-Origin-Opener-Policy"); got != "unsafe-none" {
		t.Errorf("opener policy %q: the window could not close itself", got)
	}
	if !strings.Contains(wants(t, r.request("GET", "/api/me", "", with(cookie)), 200), `"state":"paired"`) {
		t.Error("not paired")
	}
	if got := wants(t, r.request("DELETE", "/api/pair", "", with(cookie)), 200); got != "{\"revoked\":true}\n" {
		t.Errorf("unpair: %s", got)
	}
	if !slices.Contains(r.wall.said(), "end all 101@firm.example.com") {
		t.Errorf("screens were told %q", r.wall.said())
	}
	if got := wants(t, r.request("DELETE", "/api/pair", "", with(cookie)), 200); got != "{\"revoked\":false}\n" {
		t.Errorf("unpair again: %s", got)
	}
}

func TestPairingGoesOnWhenTheWindowIsClosed(t *testing.T) {
	r := newRig(t)
	cookie := r.join(priya)
	state := r.begin(cookie)
	r.callback("?code=c&state="+state, with(cookie), func(req *http.Request) {
		ctx, cancel := context.WithCancel(req.Context())
		cancel()
		*req = *req.WithContext(ctx)
	})
	if r.smokeball.ctxErr != nil {
		t.Errorf("the exchange was given up: %v", r.smokeball.ctxErr)
	}
}

func TestWhatThePairingWindowSays(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		words  string
	}{
		"nothing came back": {problemOf{400, "Nothing came back."}, 400, "Nothing came back."},
		"another session's": {problemOf{403, "Begun elsewhere."}, 403, "Begun elsewhere."},
		"smokeball failed":  {problemOf{502, "Smokeball does not answer."}, 502, "Smokeball does not answer."},
		"an unknown status": {problemOf{200, "Odd."}, 502, "Odd."},
		"wrapped":           {errors.Join(errors.New("x"), problemOf{403, "Begun elsewhere."}), 403, "Begun elsewhere."},
		"words with markup": {problemOf{400, "<script>alert(1)</script>"}, 400, "&lt;script&gt;alert(1)&lt;/script&gt;"},
		"a fault of ours":   {errors.New("disk on fire"), 500, "Something went wrong on our side."},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			cookie := r.join(priya)
			r.smokeball.fail = c.err
			res := r.callback("?code=secret-code&state=secret-state", with(cookie))
			body := text(t, res)
			if res.StatusCode != c.status || !strings.Contains(body, c.words) || !strings.Contains(body, `data-outcome="failed"`) {
				t.Errorf("%d %s", res.StatusCode, body)
			}
			if strings.Count(body, `class="button `) != 1 {
				t.Errorf("not one button: %s", body)
			}
			for _, secret := range []string{"secret-code", "secret-state", "inner detail", "disk on fire"} {
				if strings.Contains(body, secret) {
					t.Errorf("the page shows %s", secret)
				}
			}
			if log := r.log.String(); strings.Contains(log, "secret-") {
				t.Errorf("the log shows the query: %s", log)
			}
		})
	}
}

// Who is paired and fails to pair again has lost nothing, and reads so.
func TestPairingAgainThatFailsSaysWhatGoesOn(t *testing.T) {
	r := newRig(t)
	cookie := r.join(priya)
	const still = "Nothing has changed: you are still paired as priya@firm.example."
	r.smokeball.fail = problemOf{403, "Smokeball was not allowed."}
	if body := text(t, r.callback("?error=access_denied&state=s", with(cookie))); strings.Contains(body, "still paired") || !strings.Contains(body, "<h1 id=\"outcome-title\">Not paired</h1>") {
		t.Errorf("unpaired: %s", body)
	}
	r.smokeball.fail = nil
	r.callback("?code=c&state="+r.begin(cookie), with(cookie))
	r.smokeball.fail = problemOf{403, "Smokeball was not allowed."}
	body := text(t, r.callback("?error=access_denied&state=s", with(cookie)))
	for _, want := range []string{"Not paired again", "Smokeball was not allowed.", still} {
		if !strings.Contains(body, want) {
			t.Errorf("does not say %q: %s", want, body)
		}
	}
	// A browser that is not signed in reads of nobody's pairing.
	if body := text(t, r.callback("?error=access_denied&state=s")); strings.Contains(body, "still paired") {
		t.Errorf("tells a stranger: %s", body)
	}
}

func TestPairingThatCannotBegin(t *testing.T) {
	r := newRig(t)
	cookie := r.join(priya)
	r.smokeball.fail = problemOf{502, "Smokeball does not answer."}
	if body := wants(t, r.request("POST", "/api/pair", "", with(cookie)), 502); !strings.Contains(body, "Smokeball does not answer.") {
		t.Error(body)
	}
}
