package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"
)

// followAll follows the traces of several parts as one: what is on record at all
// of them first, by time, then what comes. It ends when one of them does, such as
// a part that changes hands: who asks again is told everything anew, as after the
// restart of a daemon alone.
func (f *front) followAll(w http.ResponseWriter, r *http.Request, parts []int) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	all := &followed{out: lasting(w), missing: len(parts), end: cancel}
	q := r.URL.Query()
	q.Set("mark", "1")
	var wg sync.WaitGroup
	for _, part := range parts {
		wg.Go(func() {
			defer cancel()
			one := r.Clone(ctx)
			one.URL.RawQuery = q.Encode()
			f.ask(&followedPart{all: all, header: http.Header{}}, one, part)
		})
	}
	wg.Wait()
	all.mu.Lock()
	defer all.mu.Unlock()
	switch {
	case all.begun:
	case all.refusal != nil:
		header(w, all.refusal.header)
		w.WriteHeader(all.refusal.status)
		_, _ = w.Write(all.refusal.rest)
	default: // one has ended before all had told what is on record
		f.moving(w)
	}
}

// followed is the traces of several parts on their way into one answer.
type followed struct {
	out lastingAnswer
	end func()

	mu      sync.Mutex
	missing int      // parts that have not told yet what is on record
	past    [][]byte // what others have
	begun   bool
	refusal *followedPart
}

// followedPart is the answer of one part. It is written to by one goroutine.
type followedPart struct {
	all    *followed
	header http.Header
	status int
	rest   []byte // of a line that has not come to its end, or of a refusal
	told   bool   // what is on record
}

// Header implements [http.ResponseWriter].
func (p *followedPart) Header() http.Header { return p.header }

// WriteHeader implements [http.ResponseWriter].
func (p *followedPart) WriteHeader(status int) {
	p.status = status
	if status == http.StatusOK {
		return
	}
	p.all.mu.Lock()
	defer p.all.mu.Unlock()
	if p.all.refusal == nil {
		p.all.refusal = p
	}
}

// Write implements [http.ResponseWriter].
func (p *followedPart) Write(b []byte) (int, error) {
	p.all.mu.Lock()
	defer p.all.mu.Unlock()
	p.rest = append(p.rest, b...)
	if p.status != 0 && p.status != http.StatusOK {
		return len(b), nil
	}
	for {
		i := bytes.IndexByte(p.rest, '\n')
		if i < 0 {
			return len(b), nil
		}
		line := bytes.Clone(p.rest[:i+1])
		p.rest = p.rest[i+1:]
		if err := p.take(line); err != nil {
			p.all.end()
			return 0, err
		}
	}
}

// FlushError is how [http.ResponseController] flushes: each line has been.
func (p *followedPart) FlushError() error { return nil }

// take takes a line. Under mu.
func (p *followedPart) take(line []byte) error {
	all := p.all
	switch {
	case all.begun:
		return all.write(line)
	case len(line) > 1:
		all.past = append(all.past, line)
	case !p.told:
		p.told = true
		if all.missing--; all.missing == 0 {
			return all.begin(p.header)
		}
	}
	return nil
}

// begin tells what is on record. Under mu.
func (f *followed) begin(as http.Header) error {
	type row struct {
		line []byte
		Time time.Time
	}
	rows := make([]row, len(f.past))
	for i, line := range f.past {
		_ = json.Unmarshal(line, &rows[i])
		rows[i].line = line
	}
	slices.SortStableFunc(rows, func(a, b row) int { return a.Time.Compare(b.Time) })
	f.begun, f.past = true, nil
	header(f.out, as)
	var lines []byte
	for _, r := range rows {
		lines = append(lines, r.line...)
	}
	return f.write(lines)
}

// write passes lines on at once. Under mu.
func (f *followed) write(lines []byte) error {
	if _, err := f.out.Write(lines); err != nil {
		return err
	}
	return f.out.FlushError()
}
