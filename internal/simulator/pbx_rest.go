package simulator

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// maxPBXBody bounds what the PBX reads of a request.
const maxPBXBody = 1 << 20

// ServeHTTP is the PBX's web server: the REST API and the websocket.
func (p *PBX) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !p.opts.HideVersion {
		w.Header().Set("Server", "PBX/"+p.opts.Version)
	}
	p.faults.run(w, r, p.opts.Sleep, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxPBXBody)
		p.mux.ServeHTTP(w, r)
	})
}

func (p *PBX) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("OPTIONS /rest/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusForbidden, "Forbidden") // no preflight passes
	})
	mux.HandleFunc("GET /rest/system/session", p.showSession)
	mux.HandleFunc("POST /rest/system/session", p.postSession)
	mux.HandleFunc("GET /rest/system/administrators", p.asked(p.administrators))
	tenant := func(pattern string, h func(http.ResponseWriter, *http.Request)) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /rest/domain/{domain}"+path, p.asked(p.ofTenant(h)))
	}
	tenant("GET /userlist/{kind}", p.userlist)
	tenant("GET /extensions", p.extensionList)
	tenant("GET /users", p.users)
	tenant("GET /groups", p.groups)
	tenant("GET /user_settings/{account}", p.userSettings)
	tenant("POST /user_settings/{account}", p.postUserSettings)
	tenant("GET /actionurl_settings", p.tenantHooks)
	tenant("POST /actionurl_settings", p.postTenantHooks)
	user := func(pattern string, h func(http.ResponseWriter, *http.Request, string)) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /rest/user/{user}"+path, p.asked(p.ofUser(h)))
	}
	user("GET /calls", p.userCalls)
	user("POST /calls", p.postUserCalls)
	user("GET /starcodes", p.starCodes)
	mux.HandleFunc("GET /websocket", p.websocket)
	mux.HandleFunc("/rest/", p.asked(func(w http.ResponseWriter, _ *http.Request, _ identity) { noSuchThing(w) }))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { // the web interface
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>PBX</title><p>Sign in")
	})
	return mux
}

type askedHandler func(http.ResponseWriter, *http.Request, identity)

// asked lets in who has given credentials, and has API access.
func (p *PBX) asked(next askedHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, ok := p.who(r)
		switch {
		case !ok || id.level == nobody:
			w.Header().Set("WWW-Authenticate", `Basic realm="PBX"`)
			refuse(w, http.StatusUnauthorized, "HTTP Basic Auth or a valid session cookie is required")
		case id.noAPI:
			refuse(w, http.StatusForbidden, "Forbidden")
		default:
			next(w, r, id)
		}
	}
}

func (p *PBX) ofTenant(next func(http.ResponseWriter, *http.Request)) askedHandler {
	return func(w http.ResponseWriter, r *http.Request, id identity) {
		switch domain := r.PathValue("domain"); {
		case id.level == systemLevel && domain != p.opts.Firm.Domain:
			noSuchThing(w)
		case !p.mayTenant(id) || domain != p.opts.Firm.Domain:
			refuse(w, http.StatusForbidden, "Forbidden")
		default:
			next(w, r)
		}
	}
}

func (p *PBX) ofUser(next func(http.ResponseWriter, *http.Request, string)) askedHandler {
	return func(w http.ResponseWriter, r *http.Request, id identity) {
		ext, domain, ok := strings.Cut(r.PathValue("user"), "@")
		switch {
		case !ok || domain != p.opts.Firm.Domain || !p.isExtension(ext):
			noSuchThing(w)
		case !p.mayUser(id, ext):
			refuse(w, http.StatusForbidden, "This endpoint generally requires the matching extension's own credentials")
		default:
			next(w, r, ext)
		}
	}
}

func (p *PBX) administrators(w http.ResponseWriter, _ *http.Request, id identity) {
	if id.level != systemLevel {
		refuse(w, http.StatusForbidden, "Forbidden")
		return
	}
	out := []map[string]string{}
	for _, a := range p.opts.Admins {
		if a.Tenant == "" {
			api := "true"
			if a.NoAPI {
				api = "false"
			}
			out = append(out, map[string]string{"name": a.User, "api": api, "adr": ""})
		}
	}
	tell(w, out)
}

func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func noSuchThing(w http.ResponseWriter) { refuse(w, http.StatusNotFound, "Not Found") }

func tell(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// told reads a request's JSON object, or answers 400.
func told[T any](w http.ResponseWriter, r *http.Request, to *T) bool {
	if err := json.NewDecoder(r.Body).Decode(to); err != nil {
		refuse(w, http.StatusBadRequest, "Bad Request")
		return false
	}
	return true
}
