package daemon

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
)

// contained keeps a handler's panic to its own request, whose connection is
// cut off. The log gets the stack and what kind of thing was panicked with:
// its words may be anything, a token as well.
func contained(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler: // net/http's own way to cut a connection off
				panic(p)
			default:
				log.ErrorContext(r.Context(), "a request's handler panicked", "panic", kindOfPanic(p), "stack", string(debug.Stack()))
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// kindOfPanic is the runtime's own words, which name types and numbers only,
// or the type of what somebody else panicked with.
func kindOfPanic(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", p)
}

// serverLog takes what net/http has to say. What clients do wrong in TLS or
// HTTP is not our error; a panic that net/http had to catch is, and its words
// are left out as above.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Write(line []byte) (int, error) {
	// The words of net/http carry the client's address and port: as the message
	// they would make every line a kind of its own to the log's limits.
	level, message, text := slog.LevelDebug, "a connection ended badly", line
	if head, _, panicked := bytes.Cut(line, []byte("panic serving ")); panicked {
		level, message, text = slog.LevelError, "panic serving a connection", bytes.Clone(head)
		if i := bytes.LastIndex(line, []byte("\ngoroutine ")); i >= 0 {
			text = append(text, line[i:]...)
		}
	}
	l.log.Log(context.Background(), level, message, "detail", string(bytes.TrimSpace(text)))
	return len(line), nil
}
