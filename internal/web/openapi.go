package web

import (
	_ "embed"
	"net/http"
)

// description says in OpenAPI 3.1 what the three listeners speak. It is written
// by hand; a test holds it against the routes and the answers of a daemon.
//
//go:embed openapi.json
var description []byte

// described serves the description: GET /api/openapi.json. Anybody may read it,
// as anybody may read the sources.
func described() http.HandlerFunc {
	d := encode("application/json", description)
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache") // with its ETag
		d.serve(w, r)
	}
}
