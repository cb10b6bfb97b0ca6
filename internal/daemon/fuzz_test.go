package daemon

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"testing"
)

// Whatever lies in the records of calls that were under way: it is read once and
// gone, and what can be read of it is the same when it is written and read again.
func FuzzCarried(f *testing.F) {
	shelf0 := &shelf{records: map[string][]byte{}}
	if err := sealCarried(f.Context(), shelf0, carriedPrefix, "", someLegs(3)); err != nil {
		f.Fatal(err)
	}
	head, part := shelf0.records[carriedPrefix+carriedHead], shelf0.records[carriedPath(carriedPrefix, 0)]
	f.Add(head, part, false)
	f.Add([]byte(`{"form":1,"parts":-1}`), part, true)
	f.Add([]byte(`{"form":1,"parts":1}`), part[:len(part)/2], true)
	f.Add([]byte(`{"form":1,"parts":1}`), []byte{0x1f, 0x8b}, true)
	f.Fuzz(func(t *testing.T, head, part []byte, fitting bool) {
		var index carriedIndex
		if json.Unmarshal(head, &index) == nil {
			if index.Parts > 4 {
				t.Skip("nothing that the store holds has them")
			}
			if fitting && index.Parts == 1 {
				sum := sha256.Sum256(part)
				index.Sum = sum[:]
				head, _ = json.Marshal(index)
			}
		}
		s := &shelf{records: map[string][]byte{carriedPrefix + carriedHead: head, carriedPath(carriedPrefix, 0): part}}
		c, err := takeCarried(t.Context(), s, carriedPrefix)
		if len(s.records) != 0 {
			t.Fatalf("%d records stay", len(s.records))
		}
		if (c == nil) == (err == nil) {
			t.Fatalf("%v and %v", c, err)
		}
		if err != nil {
			return
		}
		if err := sealCarried(t.Context(), s, carriedPrefix, "", *c); err != nil {
			t.Fatal(err)
		}
		again, err := takeCarried(t.Context(), s, carriedPrefix)
		if err != nil {
			t.Fatal(err)
		}
		one, _ := json.Marshal(c)
		two, _ := json.Marshal(again)
		if !bytes.Equal(one, two) && !reflect.DeepEqual(c, again) {
			t.Errorf("%s\nbecame\n%s", one, two)
		}
	})
}

// Whatever X-Forwarded-For says: of somebody who is no proxy of ours it counts
// for nothing, and of one who is it gives an address or changes nothing.
func FuzzForwardedFor(f *testing.F) {
	for _, s := range []string{"203.0.113.7", "203.0.113.7, 10.0.0.2", "::1", "[2001:db8::1]:7", "unknown", ", ,", "10.0.0.1", "203.0.113.7\x00", "fe80::1%eth0", "127.0.0.1, 203.0.113.7:80"} {
		f.Add(s)
	}
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, header string) {
		for _, peer := range []string{"10.0.0.9:4711", "198.51.100.4:4711"} {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = peer
			r.Header["X-Forwarded-For"] = []string{header}
			called := false
			realSource(trusted, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				called = true
				from, err := netip.ParseAddrPort(r.RemoteAddr)
				if err != nil {
					t.Errorf("%q: the client is %q", header, r.RemoteAddr)
				}
				if stranger := netip.MustParseAddrPort(peer); !trusted[0].Contains(stranger.Addr()) && from.Addr() != stranger.Addr() {
					t.Errorf("%q of a stranger made the client %v", header, from)
				}
			})).ServeHTTP(httptest.NewRecorder(), r)
			if !called {
				t.Error("the request is lost")
			}
		}
	})
}
