package web

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Missing is something the daemon cannot do its work without.
type Missing struct {
	Part    string `json:"part"`    // "store", "flow", "tls"
	Problem string `json:"problem"` // one plain sentence
}

// Check tells what is missing; nothing when all is well. It ends soon after
// ctx does.
type Check func(ctx context.Context) []Missing

// Ops serves /healthz, /readyz and /metrics. Healthy is a process that
// answers; ready is one that all checks have nothing against.
func Ops(gatherer prometheus.Gatherer, ready ...Check) http.Handler {
	r := chi.NewRouter()
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeStatus(w, http.StatusOK, map[string]any{"status": "ok"})
	})
	r.Get("/readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		var missing []Missing
		for _, check := range ready {
			missing = append(missing, check(ctx)...)
		}
		if len(missing) > 0 {
			writeStatus(w, http.StatusServiceUnavailable, map[string]any{"status": "not ready", "missing": missing})
			return
		}
		writeStatus(w, http.StatusOK, map[string]any{"status": "ready"})
	})
	r.Method(http.MethodGet, "/metrics", promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{}))
	return r
}

func writeStatus(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
