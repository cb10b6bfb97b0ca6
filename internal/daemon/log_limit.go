package daemon

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/smokepop/smokepop/internal/audit"
)

// What one kind of line may take of the log: a burst, and then one line in a
// while. Whoever can make a line appear (a stranger at a listener, a PBX with a
// wrong password, Smokeball when it is down) can make it appear without end; at
// 300 bytes a line, a kind of line in ten seconds is 2.6 MB a day.
var (
	troubleLimit = logLimit{burst: 20, every: 10 * time.Second}  // warnings and errors
	newsLimit    = logLimit{burst: 200, every: 10 * time.Second} // the rest: two hundred agents come at nine
	auditLimit   = logLimit{burst: 1000, every: time.Second}     // what is to be read years later is held back last
)

const (
	// maxLogKinds bounds the memory. Kinds are a closed set, and far fewer; if
	// they were not, those beyond share one allowance.
	maxLogKinds = 512
	// tellAfter is how long a kind of line has been quiet when what was held
	// back of it is told without waiting for its next line.
	tellAfter = time.Minute
	// auditGroup is the group of attributes that marks a line as audit.
	auditGroup = audit.Group
)

type logLimit struct {
	burst int
	every time.Duration
}

// logKind tells lines apart that have limits of their own. All of it is ours:
// what a request can choose would be a way round the limit.
type logKind struct {
	level   slog.Level
	message string
	bound   string // component and listener, of the logger
	detail  string // the attributes that kindKey names
}

// kindKeys are the attributes whose values are closed sets and tell lines of
// one message apart, so that a flood of one does not hide another.
func kindKey(key string) bool {
	switch key {
	case "component", "listener", "result", "status", "outcome", "part", "by":
		return true
	}
	return false
}

type logAllowance struct {
	limiter *rate.Limiter
	held    int
	last    time.Time // of the latest line, written or held back
}

// logAllowances are shared by all loggers made of one limitedHandler.
type logAllowances struct {
	mu    sync.Mutex
	kinds map[logKind]*logAllowance
	swept time.Time
	held  prometheus.Counter
}

// limitedHandler holds back lines that repeat too fast, and says how many: in
// held_back of the next line of the kind, or in a line of its own once the kind
// has been quiet for a minute and something else is logged.
type limitedHandler struct {
	next  slog.Handler
	root  slog.Handler // next without attributes, for lines of its own
	all   *logAllowances
	bound string
	audit bool
}

// limitLog returns a logger that writes to the same place as log and holds back
// what repeats too fast.
func limitLog(log *slog.Logger, reg prometheus.Registerer) *slog.Logger {
	held := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "smokepop_log_lines_held_back_total", Help: "Lines that were not logged because they repeated too fast.",
	})
	reg.MustRegister(held)
	return slog.New(newLimitedHandler(log.Handler(), held))
}

func newLimitedHandler(h slog.Handler, held prometheus.Counter) *limitedHandler {
	return &limitedHandler{next: h, root: h, all: &logAllowances{kinds: map[logKind]*logAllowance{}, held: held}}
}

// limitAudit returns a handler that writes audit lines to h, counts with log
// what it holds back, and holds nothing back because of other lines.
func limitAudit(h slog.Handler, log *slog.Logger) slog.Handler {
	return newLimitedHandler(h, log.Handler().(*limitedHandler).all.held)
}

// Enabled implements slog.Handler.
func (h *limitedHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.next.Enabled(ctx, l)
}

// WithAttrs implements slog.Handler.
func (h *limitedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.next = h.next.WithAttrs(attrs)
	for _, a := range attrs {
		if kindKey(a.Key) {
			c.bound += a.Key + "=" + a.Value.String() + " "
		}
		c.audit = c.audit || a.Key == auditGroup
	}
	return &c
}

// WithGroup implements slog.Handler.
func (h *limitedHandler) WithGroup(name string) slog.Handler {
	c := *h
	c.next = h.next.WithGroup(name)
	c.audit = c.audit || name == auditGroup
	return &c
}

// Handle implements slog.Handler.
func (h *limitedHandler) Handle(ctx context.Context, r slog.Record) error {
	kind := logKind{level: r.Level, message: r.Message, bound: h.bound}
	isAudit, byStranger := h.audit, false
	var detail strings.Builder
	note := func(a slog.Attr) {
		if kindKey(a.Key) {
			detail.WriteString(a.Key + "=" + a.Value.String() + " ")
		}
	}
	r.Attrs(func(a slog.Attr) bool {
		note(a)
		if a.Key == auditGroup {
			isAudit = true
			// What strangers are refused is not to hide what has been done.
			for _, inner := range a.Value.Group() {
				note(inner)
				byStranger = byStranger || inner.Key == "by" && inner.Value.String() == string(audit.ActorNobody)
			}
		}
		return true
	})
	kind.detail = detail.String()
	limit := newsLimit
	switch {
	case isAudit && !byStranger:
		limit = auditLimit
	case r.Level >= slog.LevelWarn:
		limit = troubleLimit
	}
	now := r.Time
	if now.IsZero() {
		now = time.Now()
	}
	held, ok, late := h.all.take(kind, limit, now)
	for _, l := range late {
		if err := h.root.Handle(ctx, l); err != nil {
			return err
		}
	}
	if !ok {
		return nil
	}
	if held > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("held_back", held))
	}
	return h.next.Handle(ctx, r)
}

// take asks for room for one line. held counts the lines of its kind that had
// none since the last that had; late are lines about kinds gone quiet.
func (a *logAllowances) take(kind logKind, limit logLimit, now time.Time) (held int, ok bool, late []slog.Record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if since := now.Sub(a.swept); since < 0 || since >= tellAfter {
		a.swept = now
		late = a.sweep(now)
	}
	one := a.kinds[kind]
	if one == nil {
		if len(a.kinds) >= maxLogKinds {
			kind = logKind{level: slog.LevelWarn, message: "lines of many kinds"}
			one = a.kinds[kind]
		}
		if one == nil {
			one = &logAllowance{limiter: rate.NewLimiter(rate.Every(limit.every), limit.burst)}
			a.kinds[kind] = one
		}
	}
	one.last = now
	if !one.limiter.AllowN(now, 1) {
		one.held++
		a.held.Inc()
		return 0, false, late
	}
	held, one.held = one.held, 0
	return held, true, late
}

// sweep forgets the kinds that have their whole burst again and tells what was
// held back of those that have been quiet.
func (a *logAllowances) sweep(now time.Time) (late []slog.Record) {
	for kind, one := range a.kinds {
		if now.Sub(one.last) < tellAfter {
			continue
		}
		if one.held > 0 {
			r := slog.NewRecord(now, kind.level, "lines were held back because they repeated too fast", 0)
			r.AddAttrs(slog.String("message", kind.message), slog.String("of", strings.TrimSpace(kind.bound+kind.detail)), slog.Int("held_back", one.held))
			late = append(late, r)
			one.held = 0
		}
		if one.limiter.TokensAt(now) >= float64(one.limiter.Burst()) {
			delete(a.kinds, kind)
		}
	}
	return late
}
