package simulator

import (
	"encoding/json"
	"net/http"
)

// The three shapes of an error: the gateway's, the application's, OAuth's.

func gatewayError(w http.ResponseWriter, status int, message string) {
	writeJSON(w, "application/json", status, map[string]any{"message": message})
}

func problem(w http.ResponseWriter, r *http.Request, status int, title, detail string, errs ...map[string]any) {
	m := map[string]any{
		"type": "https://tools.ietf.org/html/rfc7231#section-6.5.1", "title": title,
		"status": status, "detail": detail, "instance": r.URL.Path,
	}
	if len(errs) > 0 {
		m["errors"] = errs
	}
	writeJSON(w, "application/problem+json", status, m)
}

func invalid(w http.ResponseWriter, r *http.Request, name, message string) {
	problem(w, r, http.StatusBadRequest, "One or more validation errors occurred.", "See the errors field for details.",
		map[string]any{"field": name, "message": message})
}

func notFound(w http.ResponseWriter, r *http.Request) {
	problem(w, r, http.StatusNotFound, "Not Found", "The record does not exist.")
}

func oauthError(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	writeJSON(w, "application/json;charset=UTF-8", status, map[string]any{"error": code})
}

func writeJSON(w http.ResponseWriter, contentType string, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil { // a Raw contact that is no JSON: a fault of the test, seen as one
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(b) // whoever asked may be gone
}
