package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"

	wire "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// maxAnswer bounds what is read of a collector's answer.
const maxAnswer = 64 << 10

// client sends spans by OTLP over HTTP, as gzipped protobuf. What a collector
// does not take is not sent again: a trace is not worth a queue on top of ours.
// OpenTelemetry's own client comes with all of gRPC, takes orders from the
// environment and follows redirects.
type client struct {
	http   *http.Client
	url    string
	header http.Header
}

func (*client) Start(context.Context) error { return nil }

func (c *client) Stop(context.Context) error {
	c.http.CloseIdleConnections()
	return nil
}

// UploadTraces returns a *partial where the collector took only some of them.
// No error has words of the collector's in it.
func (c *client) UploadTraces(ctx context.Context, spans []*wire.ResourceSpans) error {
	// On the wire TracesData is an ExportTraceServiceRequest, whose package is
	// gRPC's.
	b, err := proto.Marshal(&wire.TracesData{ResourceSpans: spans})
	if err != nil {
		return err
	}
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	if _, err := z.Write(b); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, &body)
	if err != nil {
		return err
	}
	req.Header = c.header.Clone()
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", "gzip")
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // it has been read
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	switch {
	case res.StatusCode/100 != 2:
		return status(res.StatusCode)
	case err != nil:
		return err
	}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/x-protobuf") {
		if n := rejected(answer); n > 0 {
			return &partial{n}
		}
	}
	return nil
}

// status is an answer that is no 2xx.
type status int

func (s status) Error() string { return fmt.Sprintf("it answered %d", int(s)) }

// partial is an answer of a collector that took some spans and not others.
type partial struct{ rejected uint64 }

func (p *partial) Error() string { return fmt.Sprintf("it did not take %d of the spans", p.rejected) }

// rejected reads partial_success.rejected_spans of an
// ExportTraceServiceResponse; 0 where there is none, or no such message.
func rejected(b []byte) uint64 {
	n, _ := protowire.ConsumeVarint(field(field(b, 1, protowire.BytesType), 1, protowire.VarintType))
	if n > math.MaxInt64 { // it is an int64: less than none
		return 0
	}
	return n
}

// field returns the last value of a field of a message, of bytes without their
// length.
func field(b []byte, number protowire.Number, kind protowire.Type) (value []byte) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
			return nil
		}
		if num == number && typ == kind {
			value = b[:n]
			if kind == protowire.BytesType {
				value, _ = protowire.ConsumeBytes(b)
			}
		}
		b = b[n:]
	}
	return value
}
