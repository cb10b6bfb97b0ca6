package main

import (
	"context"
	"net/http"
	"strings"
)

// collector sends the collector of traces a request with no spans in it, which a
// collector takes and keeps nothing of.
func (x *examination) collector(ctx context.Context, c *chart) {
	address := strings.TrimSuffix(x.cfg.Tracing.Endpoint, "/") + "/v1/traces"
	const nobodyWaits = "calls go on without it, and their traces are dropped"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, http.NoBody)
	if err != nil {
		c.warn("correct tracing.otlp_endpoint", "%v", err)
		return
	}
	headers, err := x.cfg.Tracing.Header()
	if err != nil {
		c.warn("write tracing.headers as Name: value, a line each", "its headers cannot be read")
		return
	}
	req.Header = headers
	req.Header.Set("Content-Type", "application/x-protobuf")
	res, err := x.http.Do(req)
	if err != nil {
		c.warn("see that the collector runs and that tracing.otlp_endpoint is its OTLP address over HTTP (port 4318 as a rule): "+nobodyWaits, "%s does not answer: %v", address, cause(err))
		return
	}
	_ = res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
		c.ok("%s takes traces", address)
	case http.StatusUnauthorized, http.StatusForbidden:
		c.warn("correct tracing.headers: "+nobodyWaits, "%s does not take our headers (%s)", address, statusText(res.StatusCode))
	default:
		c.warn("compare tracing.otlp_endpoint with the collector's OTLP address over HTTP: "+nobodyWaits, "%s answers %s", address, statusText(res.StatusCode))
	}
}
