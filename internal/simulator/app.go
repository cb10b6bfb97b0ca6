package simulator

import (
	"crypto/rand"
	_ "embed"
	"html/template"
	"net/http"
	"strings"
)

//go:embed pages/app.html
var appPage string

// appRoutes is the web app that record links lead to: one page that shows the
// record its fragment names. It asks for no sign-in; all it has is invented.
func (s *Smokeball) appRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.appPage)
	mux.HandleFunc("GET /app/contacts/{id}", func(w http.ResponseWriter, r *http.Request) {
		c, ok := s.book.get(r.PathValue("id"))
		if !ok || c.Deleted {
			http.NotFound(w, r)
			return
		}
		name := c.Name()
		if name == "" {
			name = "(no name)"
		}
		detail := map[string]string{"Person": "Person", "Organisation": "Company", "Trust": "Trust", "GroupOfPeople": "Group of people"}[c.Kind()]
		if mail := c.email(); mail != "" {
			detail += " · " + mail
		}
		writeJSON(w, "application/json", http.StatusOK, map[string]any{"title": name, "detail": detail})
	})
	mux.HandleFunc("GET /app/matters/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		all := s.matters
		s.mu.Unlock()
		for _, m := range all {
			if m.ID == r.PathValue("id") {
				writeJSON(w, "application/json", http.StatusOK, map[string]any{"title": m.Title, "detail": strings.TrimSpace(m.Number + " · " + m.Status)})
				return
			}
		}
		http.NotFound(w, r)
	})
	return mux
}

func (s *Smokeball) appPage(w http.ResponseWriter, _ *http.Request) {
	nonce := rand.Text()
	t, err := template.New("app").Funcs(template.FuncMap{
		"style": func() template.CSS { return template.CSS(pageStyle) },
	}).Parse(appPage)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src data:; connect-src 'self'; script-src 'nonce-"+nonce+"'; style-src 'nonce-"+nonce+"'; base-uri 'none'")
	_ = t.Execute(w, map[string]string{"Nonce": nonce})
}
