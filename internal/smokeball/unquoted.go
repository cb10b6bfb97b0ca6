package smokeball

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
)

// unquoted is a transport whose errors never repeat what was received.
// net/http quotes an answer that it cannot parse (its first line, a header, a
// trailer, a Location), and a server that sends requests back would so put a
// token into the log.
type unquoted struct{ base http.RoundTripper }

func (u unquoted) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := u.base.RoundTrip(r)
	if err != nil {
		return nil, quiet(err)
	}
	res.Header.Del("Location") // no redirect is followed, and the client would parse it all the same
	res.Body = quietBody{res.Body}
	return res, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections through.
func (u unquoted) CloseIdleConnections() {
	if c, ok := u.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

type quietBody struct{ io.ReadCloser }

func (b quietBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // io.EOF is passed on as it is, or readers go on
		err = quiet(err)
	}
	return n, err
}

// quiet returns err as it is when its words are the system's, and else with
// words of ours around it.
func quiet(err error) error {
	var (
		network *net.OpError
		dns     *net.DNSError
		cert    *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		alert   tls.AlertError
	)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case errors.As(err, &network), errors.As(err, &dns), errors.As(err, &cert), errors.As(err, &record), errors.As(err, &alert):
		return err
	}
	return &quietError{err}
}

type quietError struct{ cause error }

func (e *quietError) Error() string { return "the connection failed, or the answer is not HTTP" }

// Unwrap lets errors.Is and errors.As find what it was.
func (e *quietError) Unwrap() error { return e.cause }
