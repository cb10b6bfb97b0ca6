package web

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestKnock(t *testing.T) {
	r := newRig(t)
	expect := func() (nonce, proof string) {
		t.Helper()
		var k struct{ Nonce, Proof string }
		if err := json.Unmarshal([]byte(r.adminCall("POST", "/v1/doctor/knock", "")), &k); err != nil || k.Nonce == k.Proof || len(k.Nonce) < 40 {
			t.Fatalf("%+v %v", k, err)
		}
		return k.Nonce, k.Proof
	}
	nonce, proof := expect()
	if got := r.adminCall("GET", "/v1/doctor/knock/"+nonce, ""); got != `{"heard":null}`+"\n" {
		t.Errorf("before: %s", got)
	}
	forwarded := func(req *http.Request) {
		req.RemoteAddr = "10.0.0.9:4711"
		req.Header.Set("X-Forwarded-For", "203.0.113.9")
		req.Header.Set("X-Forwarded-Proto", "https")
	}
	if got := wants(t, r.request("GET", "/api/knock/"+nonce, "", forwarded), 200); got != `{"proof":"`+proof+`"}`+"\n" {
		t.Errorf("the answer is %s", got)
	}
	want := `{"heard":{"peer":"10.0.0.9","client":"10.0.0.9","forwarded_for":true,"forwarded_proto":"https","tls":false}}` + "\n"
	if got := r.adminCall("GET", "/v1/doctor/knock/"+nonce, ""); got != want {
		t.Errorf("heard: %s", got)
	}
	for _, other := range []string{proof, "x", nonce + "x"} {
		wants(t, r.request("GET", "/api/knock/"+other, ""), 404)
		wants(t, r.admin("GET", "/v1/doctor/knock/"+other, ""), 404)
	}

	// A websocket once, for our own origin, and for nobody else.
	socket := func(nonce, origin string) int {
		return r.request("GET", "/ws?knock="+nonce, "", func(req *http.Request) { req.Header.Set("Origin", origin) }).StatusCode
	}
	for _, one := range []struct {
		nonce, origin string
		want          int
	}{{nonce, "https://elsewhere.example", 403}, {"none", home, 401}, {nonce, home, http.StatusTeapot}, {nonce, home, 401}} {
		if got := socket(one.nonce, one.origin); got != one.want {
			t.Errorf("%+v: %d", one, got)
		}
	}
	if said := r.wall.said(); !slices.Equal(said, []string{"knock"}) {
		t.Errorf("the screens heard %q", said)
	}

	r.clock.pass(knockFor)
	wants(t, r.request("GET", "/api/knock/"+nonce, ""), 404)
	for range maxKnocks {
		expect()
	}
	if got := wants(t, r.admin("POST", "/v1/doctor/knock", ""), 503); !strings.Contains(got, "try again in a minute") {
		t.Error(got)
	}
	r.clock.pass(time.Hour)
	expect()
}
