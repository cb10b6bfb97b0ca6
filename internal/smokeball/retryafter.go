package smokeball

import (
	"net/http"
	"strconv"
	"time"
)

// maxRetryAfter bounds what a server can make us wait: a wrong clock or a slip
// of the pen must not silence look-ups for a day.
const maxRetryAfter = 5 * time.Minute

// retryAfter reads Retry-After, in seconds or as a date (RFC 9110 section
// 10.2.3); 0 when there is none that can be read.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if v == "" {
		return 0
	}
	var d time.Duration
	if seconds, err := strconv.ParseFloat(v, 64); err == nil {
		if seconds > maxRetryAfter.Seconds() {
			return maxRetryAfter
		}
		d = time.Duration(seconds * float64(time.Second))
	} else if at, err := http.ParseTime(v); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}
