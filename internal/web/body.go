package web

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"time"
)

// maxBody is far more than any body we take, but for one.
const maxBody = 4 << 10

// isJSON tells whether a content type is JSON's.
func isJSON(contentType string) bool {
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && t == "application/json"
}

// decode reads a JSON body into v; one without a content type is taken for
// JSON. Fields that are not known are left alone:
// an older daemon has to understand a newer page. What follows the document is
// refused.
func (s *Server) decode(w http.ResponseWriter, r *http.Request, v any) error {
	return s.decodeUpTo(w, r, v, maxBody)
}

// decodeUpTo is decode for bodies of at most that many bytes.
func (s *Server) decodeUpTo(w http.ResponseWriter, r *http.Request, v any, most int64) error {
	if given := r.Header.Get("Content-Type"); given != "" && !isJSON(given) {
		return refuse(http.StatusUnsupportedMediaType, "The body has to be JSON, with the content type application/json.")
	}
	// A body that trickles in holds a connection. Once it is here the deadline
	// goes: when it passed later, net/http would take the client for gone. Not
	// every ResponseWriter has one to set.
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Now().Add(s.bodyTime))
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, most))
	err := dec.Decode(v)
	if err == nil {
		if _, err = dec.Token(); errors.Is(err, io.EOF) {
			_ = conn.SetReadDeadline(time.Time{})
			return nil
		}
		if err == nil {
			err = errors.New("something follows the document")
		}
	}
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig):
		return refuse(http.StatusRequestEntityTooLarge, "The body is too large.")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse(http.StatusRequestTimeout, "The body took too long to arrive.")
	}
	return refuse(http.StatusBadRequest, "The body is not the JSON document this address takes.")
}
