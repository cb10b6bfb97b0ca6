// Package trace keeps the decision trace: what each step decided about recent
// calls, so that an admin can see why somebody had a pop, or none. It is in
// memory only and bounded; it writes nothing to disk and to no log.
package trace
