package simulator

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
)

//go:embed pages/signin.html
var signInPage string

//go:embed pages/error.html
var errorPage string

//go:embed pages/style.css
var pageStyle string

type loginView struct {
	Application, Firm, Action string
	Last                      *Staff // whoever signed in on this browser within the hour
	Staff                     []*Staff
}

type errorView struct{ Code, Sentence string }

func (e *pageError) view() errorView { return errorView{e.code, e.sentence} }

// writePage writes one of the sign-in pages. formTarget is where a form may
// lead besides here.
func writePage(w http.ResponseWriter, status int, formTarget, page string, view any) {
	t, err := template.New("page").Funcs(template.FuncMap{
		"style": func() template.CSS { return template.CSS(pageStyle) },
	}).Parse(page)
	var b bytes.Buffer
	if err == nil {
		err = t.Execute(&b, view)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'self' "+formTarget+"; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}
