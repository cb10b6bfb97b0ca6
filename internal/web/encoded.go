package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// encoded is a file of the page as it is sent: compressed once, because it is
// the same for everybody and holds nobody's secret, and when somebody first
// loads it, because a daemon that starts is waited for.
type encoded struct {
	mediaType string
	plain     []byte
	zipped    func() []byte
	tag       string // of the content; the ETag tells the two encodings apart
}

func encode(mediaType string, content []byte) encoded {
	sum := sha256.Sum256(content)
	return encoded{mediaType, content, sync.OnceValue(func() []byte { return zip(content) }), hex.EncodeToString(sum[:8])}
}

func zip(content []byte) []byte {
	var zipped bytes.Buffer
	w, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression) // the level is valid
	_, _ = w.Write(content)                                    // into memory
	_ = w.Close()
	return zipped.Bytes()
}

// serve answers with the encoding that the browser takes, or with 304 where it
// has this one already.
func (e encoded) serve(w http.ResponseWriter, r *http.Request) {
	zipped, tag := takesGzip(r.Header), `"`+e.tag+`"`
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	if zipped {
		tag = `"` + e.tag + `-gzip"`
	}
	h.Set("ETag", tag)
	if known(r.Header, tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	content := e.plain
	if zipped {
		content = e.zipped()
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Type", e.mediaType)
	h.Set("Content-Length", strconv.Itoa(len(content)))
	_, _ = w.Write(content) // a browser that has gone is not our failure
}

// takesGzip reads Accept-Encoding (RFC 9110, 12.5.3): a coding is taken unless
// its weight is zero, and its own weight counts before that of "*".
func takesGzip(h http.Header) bool {
	others := false
	for _, list := range h["Accept-Encoding"] {
		for one := range strings.SplitSeq(list, ",") {
			coding, parameters, _ := strings.Cut(one, ";")
			name, value, _ := strings.Cut(strings.TrimSpace(parameters), "=")
			taken := true
			if strings.EqualFold(name, "q") {
				weight, err := strconv.ParseFloat(value, 64)
				taken = err == nil && weight > 0
			}
			switch strings.ToLower(strings.TrimSpace(coding)) {
			case "gzip", "x-gzip":
				return taken
			case "*":
				others = taken
			}
		}
	}
	return others
}

// known reads If-None-Match (RFC 9110, 13.1.2), which compares weakly.
func known(h http.Header, tag string) bool {
	for _, list := range h["If-None-Match"] {
		for one := range strings.SplitSeq(list, ",") {
			one = strings.TrimSpace(one)
			if one == "*" || strings.TrimPrefix(one, "W/") == tag {
				return true
			}
		}
	}
	return false
}
