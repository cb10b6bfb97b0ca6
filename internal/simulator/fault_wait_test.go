package simulator_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	. "github.com/smokepop/smokepop/internal/simulator"
)

// A client that gives up a POST, whose body nobody has read, ends the wait of a
// fault: else each leaves a goroutine and a connection behind.
func TestWaitsOfAPostEndWithItsClient(t *testing.T) {
	for name, fault := range map[string]Fault{
		"stall":           {Stall: true},
		"stall afterward": {Stall: true, AfterWork: true},
		"latency":         {Latency: time.Hour},
		"slow body":       {Status: http.StatusOK, Body: "{}", Drip: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			fault.Endpoint = TokenEndpoint
			w := newWorld(t, nil)
			w.Inject(fault)
			serving, unblock := context.WithCancel(context.Background())
			defer unblock()
			ended := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				defer close(ended)
				ctx, cancel := context.WithCancel(r.Context())
				defer context.AfterFunc(serving, cancel)()
				defer cancel()
				w.ServeHTTP(rw, r.WithContext(ctx))
			}))
			defer server.Close()
			w.url = server.URL

			ctx, giveUp := context.WithCancel(t.Context())
			defer giveUp()
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"any"}}
				_, _ = w.do(w.request(http.MethodPost, "/oauth2/token", form).WithContext(ctx))
			}()
			if err := w.Await(t.Context(), TokenEndpoint, 1); err != nil {
				t.Fatal(err)
			}
			giveUp()
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				t.Error("it waits on, and its client has gone")
				unblock()
			}
			<-gone
		})
	}
}
