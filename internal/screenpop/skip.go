package screenpop

// Skip is why an event that was understood makes no pop. The values are part
// of the outside interface.
type Skip string

// The reasons an event is skipped.
const (
	SkipInternalCall     Skip = "internal-call"
	SkipStarCode         Skip = "star-code"
	SkipState            Skip = "state"
	SkipDuplicate        Skip = "duplicate"
	SkipOutOfOrder       Skip = "out-of-order"
	SkipUnknownExtension Skip = "unknown-extension"
	SkipOutOfScope       Skip = "out-of-scope"
	SkipNoNumber         Skip = "no-number"
	SkipIgnoredNumber    Skip = "ignored-number"
)

// Skips lists every reason, for metrics with a closed set of labels.
func Skips() []Skip {
	return []Skip{
		SkipInternalCall, SkipStarCode, SkipState, SkipDuplicate, SkipOutOfOrder,
		SkipUnknownExtension, SkipOutOfScope, SkipNoNumber, SkipIgnoredNumber,
	}
}
