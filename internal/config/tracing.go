package config

import (
	"bufio"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Tracing says which OpenTelemetry collector is told of calls; none without an
// endpoint.
type Tracing struct {
	Endpoint    string           `mapstructure:"otlp_endpoint"` // OTLP over HTTP; /v1/traces comes behind it
	SampleRatio float64          `mapstructure:"sample_ratio"`  // of the calls, 0 to 1
	Headers     screenpop.Secret `mapstructure:"headers"`       // "Name: value", a line each, sent along
	HeadersFile string           `mapstructure:"headers_file"`
}

// Header returns Headers as they are sent.
func (t Tracing) Header() (http.Header, error) {
	text := strings.TrimSpace(t.Headers.Reveal())
	if text == "" {
		return http.Header{}, nil
	}
	h, err := textproto.NewReader(bufio.NewReader(strings.NewReader(text + "\r\n\r\n"))).ReadMIMEHeader()
	return http.Header(h), err
}

func (l *loader) tracing(t *Tracing) {
	if t.Endpoint != "" && !l.known("tracing.otlp_endpoint") {
		if normal, err := baseURL(t.Endpoint, true); err != nil {
			l.problem("tracing.otlp_endpoint", "%s", err)
		} else {
			t.Endpoint = normal
		}
	}
	if !(t.SampleRatio >= 0 && t.SampleRatio <= 1) && !l.known("tracing.sample_ratio") {
		l.problem("tracing.sample_ratio", "must be from 0 (no call) to 1 (every call)")
	}
	// The error would quote the line, and so a secret.
	if _, err := t.Header(); err != nil && !l.known("tracing.headers", "tracing.headers_file") {
		l.problem("tracing.headers", "must be lines like \"Authorization: Bearer ...\", one for each header")
	}
}
