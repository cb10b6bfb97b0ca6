package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/go-chi/chi/v5"
)

//go:embed page
var pageFiles embed.FS

// page is what browsers load: documents and their assets. The assets'
// address holds a hash over all of them, so that a browser may keep them for
// good and never mixes those of two versions.
type page struct {
	documents map[string]encoded
	callback  *template.Template
	signOn    *template.Template
	assets    map[string]encoded
	manifest  encoded
	loader    encoded // embed.js: the one script that pages elsewhere load
	vars      pageVars
}

type pageVars struct {
	Assets  string // where the assets are: "/assets/HASH"
	Origin  string
	Parents string // whose pages may show frame.html, with blanks between
}

// signOnChoice is an agent whom somebody may sign in as.
type signOnChoice struct{ Name, URL string }

// signOnOutcome fills the document that single sign-on ends in when nobody is
// signed in by it.
type signOnOutcome struct {
	pageVars
	State, Title, Sentence string // State: failed or choice
	Choices                []signOnChoice
	Again                  string // where to begin again
	Admin                  bool   // of the admin page, which is in English
	RequestID              string
}

// pairOutcome fills the document that ends the pairing window.
type pairOutcome struct {
	pageVars
	State, Title, Sentence string
	Account                string // whom this or an earlier pairing is of, if that is known
	Still                  string // what goes on although this has failed
	RequestID              string
}

var mediaTypes = map[string]string{
	".js":  "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml",
	".png": "image/png",
}

func loadPage(o origin, parents []string) (*page, error) {
	p := &page{documents: map[string]encoded{}, assets: map[string]encoded{}}
	names, err := fs.Glob(pageFiles, "page/assets/*")
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	for _, name := range names {
		content, err := pageFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(sum, "%s %d\n%s", name, len(content), content)
		mediaType, ok := mediaTypes[path.Ext(name)]
		if !ok {
			return nil, fmt.Errorf("asset %s: no media type", name)
		}
		p.assets[path.Base(name)] = encode(mediaType, content)
	}
	p.vars = pageVars{Assets: "/assets/" + hex.EncodeToString(sum.Sum(nil)[:8]), Origin: o.url, Parents: strings.Join(parents, " ")}
	p.manifest = newManifest(p.vars.Assets)
	loader, err := pageFiles.ReadFile("page/embed.js")
	if err != nil {
		return nil, err
	}
	p.loader = encode(mediaTypes[".js"], loader)

	documents, err := template.ParseFS(pageFiles, "page/*.html")
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"index.html", "join.html", "frame.html", "connect.html", "admin.html"} {
		var b bytes.Buffer
		if err := documents.ExecuteTemplate(&b, name, p.vars); err != nil {
			return nil, err
		}
		p.documents[name] = encode("text/html; charset=utf-8", b.Bytes())
	}
	p.callback = documents.Lookup("callback.html")
	p.signOn = documents.Lookup("sign-in.html")
	return p, nil
}

// serve serves a document. It is the same for everybody: what belongs to the
// agent comes later, as data.
func (p *page) serve(name string) http.HandlerFunc {
	return p.documents[name].serve
}

// asset serves a file by its exact name: no path is ever walked.
func (p *page) asset(w http.ResponseWriter, r *http.Request) error {
	a, ok := p.assets[chi.URLParam(r, "name")]
	if !ok || "/assets/"+chi.URLParam(r, "version") != p.vars.Assets {
		return refuse(http.StatusNotFound, "There is nothing at this address.")
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	a.serve(w, r)
	return nil
}

// paired ends a pairing that came about. Who has signed in is seldom known by
// then: the document's script asks on.
func (p *page) paired(w http.ResponseWriter, account string) {
	title := "Paired with Smokeball"
	if account != "" {
		title = "Paired" + as(account)
	}
	p.endPairing(w, http.StatusOK, pairOutcome{
		State: "paired", Title: title, Account: account, Sentence: "smokepop now shows you who is calling. This window closes by itself.",
	})
}

func (p *page) pairFailed(w http.ResponseWriter, r *http.Request, he *HTTPError, still, account string) {
	o := pairOutcome{State: "failed", Title: "Not paired", Sentence: he.Msg, Still: still, Account: account}
	if still != "" {
		o.Title = "Not paired again"
	}
	if he.Status == http.StatusInternalServerError {
		o.RequestID = requestID(r.Context())
	}
	p.endPairing(w, he.Status, o)
}

func (p *page) endPairing(w http.ResponseWriter, status int, o pairOutcome) {
	o.pageVars = p.vars
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	// Smokeball's pages have no opener policy. One here would put this document
	// into a group of its own, and a window may not close itself from there.
	h.Set("Cross-Origin-Opener-Policy", "unsafe-none")
	w.WriteHeader(status)
	_ = p.callback.Execute(w, o) // a browser that has gone is not our failure
}

func (p *page) signOnFailed(w http.ResponseWriter, r *http.Request, he *HTTPError, admin bool) {
	o := signOnOutcome{State: "failed", Title: "You are not signed in", Sentence: he.Msg, Admin: admin}
	switch {
	case he.Status == http.StatusNotFound:
	case admin:
		o.Again = adminSignOnPath + "?choose=1"
	default:
		o.Again = signOnPath + "?choose=1"
	}
	if he.Status == http.StatusInternalServerError {
		o.RequestID = requestID(r.Context())
	}
	p.endSignOn(w, he.Status, o)
}

func (p *page) signOnChoice(w http.ResponseWriter, choices []signOnChoice) {
	p.endSignOn(w, http.StatusOK, signOnOutcome{
		State: "choice", Title: "Which extension is yours?",
		Sentence: "Your e-mail address belongs to several extensions. Choose the one whose calls you want to see.", Choices: choices,
	})
}

func (p *page) endSignOn(w http.ResponseWriter, status int, o signOnOutcome) {
	o.pageVars = p.vars
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = p.signOn.Execute(w, o) // a browser that has gone is not our failure
}
