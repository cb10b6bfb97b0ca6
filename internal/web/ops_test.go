package web

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestOps(t *testing.T) {
	var missing []Missing
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "smokepop_screens"}, func() float64 { return 7 }))
	h := Ops(reg, func(ctx context.Context) []Missing {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("a check may take for ever")
		}
		return missing
	}, func(context.Context) []Missing { return nil })
	get := func(target string, status int, want string) {
		t.Helper()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
		if w.Code != status || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	get("/healthz", 200, `{"status":"ok"}`)
	get("/readyz", 200, `{"status":"ready"}`)
	get("/metrics", 200, "smokepop_screens 7")
	missing = []Missing{{"store", "the store does not answer"}}
	get("/healthz", 200, `{"status":"ok"}`)
	get("/readyz", 503, `{"missing":[{"part":"store","problem":"the store does not answer"}],"status":"not ready"}`)
}
