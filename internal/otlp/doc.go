// Package otlp tells an OpenTelemetry collector of each call's way, from the
// webhook to the frame: a trace for each call with a span for each step, sent
// by OTLP over HTTP. It makes them of the lines of the decision trace.
//
// What leaves the machine are times, the tenant's domain and words of closed
// sets (step, verdict, state of the call). No number, no name, no call id, no
// extension: which spans belong to one agent is told by a hash under a key that
// lives as long as the Exporter.
//
// It knows of no part that a call passes through, and holds none up: a line
// that there is no room for is dropped and counted, and so are spans that the
// collector does not take.
package otlp
