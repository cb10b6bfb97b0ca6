package daemon

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/smokepop/smokepop/internal/smokeball"
)

// borrower asks a member for requests of the budgets that it keeps: a
// [smokeball.Lender].
type borrower struct {
	*budgetLine
	metrics *loanMetrics
	over    func() // called once when the line is gone
	once    sync.Once

	asked   sync.Mutex
	last    uint64
	waiting map[uint64]chan string
	gone    chan struct{}
	until   time.Time // when it is gone: nobody is asked there before
}

// borrower returns who asks a member; nil for one that does not answer.
func (s *sharedBudgets) borrower(id string) *borrower {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.lenders[id]; b != nil {
		if !b.ended() {
			return b
		}
		if time.Now().Before(b.until) {
			return nil
		}
	}
	if s.closed {
		return nil
	}
	b := &borrower{budgetLine: newBudgetLine(), metrics: s.metrics, waiting: map[uint64]chan string{}, gone: make(chan struct{})}
	b.over = func() {
		s.mu.Lock()
		b.until = time.Now().Add(budgetWait)
		s.mu.Unlock()
	}
	for other, old := range s.lenders {
		if old.ended() { // ids are never used again: a node that is back has another
			delete(s.lenders, other)
		}
	}
	s.lenders[id] = b
	go b.run(s.member, id)
	return b
}

// run asks and hears until the line is gone.
func (b *borrower) run(m *member, id string) {
	defer b.stop()
	ctx, cancel := context.WithTimeout(context.Background(), ownerTime)
	defer cancel()
	conn, err := m.Dial(ctx, id, serviceBudget)
	if err != nil {
		return
	}
	defer conn.Close()
	if !b.up(conn) {
		return
	}
	go b.write(conn)
	in := json.NewDecoder(conn)
	for {
		var f budgetFrame
		if in.Decode(&f) != nil {
			return
		}
		b.asked.Lock()
		answer := b.waiting[f.N]
		b.asked.Unlock()
		if answer != nil {
			answer <- f.Answer // there is room for both
		} else if f.Answer == budgetYours {
			b.say(budgetFrame{N: f.N, Done: true}) // nobody has waited for it
		}
	}
}

// stop ends the line.
func (b *borrower) stop() {
	b.once.Do(func() {
		b.over()
		close(b.gone)
		b.end()
	})
}

func (b *borrower) ended() bool {
	select {
	case <-b.gone:
		return true
	default:
		return false
	}
}

// Lend implements [smokeball.Lender].
func (b *borrower) Lend(ctx context.Context, id smokeball.BudgetID, e smokeball.Endpoint, p smokeball.Priority) (_ smokeball.Loan, err error) {
	began := time.Now()
	defer func() { b.metrics.count(began, err) }()
	ask := &budgetAsk{API: id.API, ClientID: id.ClientID, Endpoint: e, Class: p.Class, Since: p.Since}
	if end, ok := ctx.Deadline(); ok {
		if ask.Within = time.Until(end); ask.Within <= 0 {
			return nil, ctx.Err()
		}
	}
	answer := make(chan string, 2)
	b.asked.Lock()
	b.last++
	n := b.last
	b.waiting[n] = answer
	b.asked.Unlock()
	defer func() {
		b.asked.Lock()
		delete(b.waiting, n)
		b.asked.Unlock()
	}()
	b.say(budgetFrame{N: n, Ask: ask})
	silent := time.NewTimer(budgetWait)
	defer silent.Stop()
	for {
		select {
		case said := <-answer:
			silent.Stop()
			switch said {
			case budgetYours:
				return &loan{b, n}, nil
			case budgetBusy:
				return nil, smokeball.ErrBusy
			case budgetAway:
				return nil, smokeball.ErrElsewhere
			}
		case <-silent.C:
			b.stop()
			return nil, smokeball.ErrAway
		case <-b.gone:
			return nil, smokeball.ErrAway
		case <-ctx.Done():
			b.say(budgetFrame{N: n, Drop: true})
			return nil, ctx.Err()
		}
	}
}

// loan implements [smokeball.Loan].
type loan struct {
	*borrower
	n uint64
}

func (l *loan) Sent() { l.say(budgetFrame{N: l.n, Sent: true}) }

func (l *loan) Done(refused bool, wait time.Duration) {
	l.say(budgetFrame{N: l.n, Done: true, Refuse: refused, Wait: wait})
}

// close ends every line.
func (s *sharedBudgets) close() {
	s.mu.Lock()
	s.closed = true
	var all []*borrower
	for _, b := range s.lenders {
		all = append(all, b)
	}
	s.mu.Unlock()
	for _, b := range all {
		b.stop()
	}
}
