package simulator

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"net/http"
	"strings"
)

// The echoes give a client its own secrets back, as debug pages, web
// application firewalls and careless gateways do: whoever puts an answer's
// words into a log has put a token there.

// EchoJSON is a fault that answers with an error in every shape of JSON that
// Smokeball's servers have, with the whole request in each text. An empty code
// puts it into the OAuth error code as well.
func EchoJSON(e Endpoint, status int, code string) Fault {
	return Fault{Endpoint: e, Answer: func(w http.ResponseWriter, r *http.Request) {
		all, told := echo(r), code
		if told == "" {
			told = all
		}
		echoHeader(w, all)
		writeJSON(w, "application/json;charset=UTF-8", status, map[string]any{
			"error": told, "error_description": all, "error_uri": "https://smokeball.example/?" + oneLine(all),
			"message": all, "title": all, "detail": all, "errors": []any{map[string]any{"field": all, "message": all}},
		})
	}}
}

// EchoHTML is a fault that answers with a page that shows the whole request.
func EchoHTML(e Endpoint, status int) Fault {
	return Fault{Endpoint: e, Answer: func(w http.ResponseWriter, r *http.Request) {
		all := echo(r)
		echoHeader(w, all)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<!doctype html><title>Error</title><pre>"+html.EscapeString(all)+"</pre><!--\n"+all+"\n-->")
	}}
}

// EchoRedirect is a fault that answers with a redirect whose address is no URL
// and has the whole request in it.
func EchoRedirect(e Endpoint, status int) Fault {
	return Fault{Endpoint: e, Answer: func(w http.ResponseWriter, r *http.Request) {
		all := echo(r)
		echoHeader(w, all)
		w.Header().Set("Location", "https://[broken/"+oneLine(all))
		w.WriteHeader(status)
	}}
}

// EchoRaw is a fault that writes a text, the whole request as one word, and an
// empty line to the connection, which it then closes: no HTTP, or a header that
// is broken. What a client cannot parse, its library may quote.
func EchoRaw(e Endpoint, before string) Fault {
	return Fault{Endpoint: e, Answer: func(w http.ResponseWriter, r *http.Request) {
		all := strings.ReplaceAll(oneLine(echo(r)), " ", ",")
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(conn, before+all+"\r\n\r\n")
		_ = conn.Close()
	}}
}

// echo is all of a request: its line with the query, the credentials in the
// clear, every header, the body.
func echo(r *http.Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", r.Method, r.URL.RequestURI())
	if user, password, ok := r.BasicAuth(); ok {
		fmt.Fprintf(&b, "%s:%s\n", user, password)
	}
	_ = r.Header.Write(&b) // a strings.Builder takes all
	body, _ := io.ReadAll(r.Body)
	b.Write(body)
	return strings.ReplaceAll(b.String(), "\r", "")
}

// echoHeader puts the request into the headers that clients read.
func echoHeader(w http.ResponseWriter, all string) {
	for _, name := range []string{"Retry-After", "Warning", "RequestId"} {
		w.Header().Set(name, oneLine(all))
	}
	w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token", error_description="`+strings.ReplaceAll(oneLine(all), `"`, "'")+`"`)
}

func oneLine(s string) string { return strings.ReplaceAll(s, "\n", " ") }

// standIn lets a fault answer, after the work when it says so.
func (s *Smokeball) standIn(w http.ResponseWriter, r *http.Request, f Fault, work http.HandlerFunc) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if f.AfterWork {
		r.Body = io.NopCloser(bytes.NewReader(body))
		work(&heldAnswer{header: http.Header{}, status: http.StatusOK}, r)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	f.Answer(w, r)
}
