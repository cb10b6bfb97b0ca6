package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/smokepop/smokepop/internal/smokeball"
)

// budgetMost is how long a request waits at most: longer than any that has no end
// of its own.
const budgetMost = time.Minute

// budgetServer lends to the other members what is kept here.
type budgetServer struct {
	budgets *smokeball.Budgets
	l       net.Listener

	mu    sync.Mutex
	lines map[*lendingLine]bool
	over  bool
	work  sync.WaitGroup
}

func newBudgetServer(budgets *smokeball.Budgets, l net.Listener) *budgetServer {
	return &budgetServer{budgets: budgets, l: l, lines: map[*lendingLine]bool{}}
}

// serve lends until stop.
func (s *budgetServer) serve() {
	for {
		conn, err := s.l.Accept()
		if err != nil {
			return
		}
		line := &lendingLine{budgetLine: newBudgetLine(), budgets: s.budgets, open: map[uint64]*borrowed{}}
		line.conn = conn
		s.mu.Lock()
		if s.over {
			s.mu.Unlock()
			_ = conn.Close()
			return
		}
		s.lines[line] = true
		s.work.Go(func() { line.write(conn) })
		s.work.Go(func() {
			line.hear(conn)
			s.mu.Lock()
			delete(s.lines, line)
			s.mu.Unlock()
		})
		s.mu.Unlock()
	}
}

func (s *budgetServer) stop() {
	_ = s.l.Close()
	s.mu.Lock()
	s.over = true
	for line := range s.lines {
		line.end()
	}
	s.mu.Unlock()
	s.work.Wait()
}

// lendingLine is one member that asks.
type lendingLine struct {
	*budgetLine
	budgets *smokeball.Budgets

	books sync.Mutex
	open  map[uint64]*borrowed
}

// borrowed is one request that a member asks for or has.
type borrowed struct {
	drop   context.CancelFunc
	loan   smokeball.Loan // nil: not granted yet
	unsent *time.Timer
}

// hear does what the member asks until the line ends. What it has then counts as
// sent.
func (l *lendingLine) hear(conn net.Conn) {
	var asks sync.WaitGroup
	defer asks.Wait()
	defer func() {
		l.end()
		l.books.Lock()
		defer l.books.Unlock()
		for n := range l.open {
			l.give(n, false, 0)
		}
	}()
	in := json.NewDecoder(conn)
	for {
		var f budgetFrame
		if in.Decode(&f) != nil {
			return
		}
		l.books.Lock()
		switch of := l.open[f.N]; {
		case f.Ask != nil && of == nil:
			l.say(budgetFrame{N: f.N, Answer: budgetHeard})
			within := f.Ask.Within
			if within <= 0 {
				within = budgetMost
			}
			ctx, cancel := context.WithTimeout(context.Background(), within)
			asked := &borrowed{drop: cancel}
			l.open[f.N] = asked
			asks.Go(func() { l.lend(ctx, f.N, f.Ask, asked) })
		case of == nil:
		case f.Sent && of.loan != nil:
			of.unsent.Stop()
			of.loan.Sent()
		case f.Done, f.Drop:
			l.give(f.N, f.Refuse, f.Wait)
		}
		l.books.Unlock()
	}
}

// lend waits for a request to be free and tells, unless it was dropped meanwhile.
func (l *lendingLine) lend(ctx context.Context, n uint64, a *budgetAsk, asked *borrowed) {
	loan, err := l.budgets.Lend(ctx, smokeball.BudgetOf(a.API, a.ClientID), a.Endpoint, smokeball.Priority{Class: a.Class, Since: a.Since})
	l.books.Lock()
	defer l.books.Unlock()
	waits := l.open[n] == asked // and not another request of that number
	if err != nil {
		if waits {
			l.give(n, false, 0)
		}
		answer := budgetBusy
		if errors.Is(err, smokeball.ErrElsewhere) {
			answer = budgetAway
		}
		l.say(budgetFrame{N: n, Answer: answer})
		return
	}
	if !waits {
		loan.Done(false, 0)
		return
	}
	// A member that is lost does not stop the clock of those that are there.
	asked.loan, asked.unsent = loan, time.AfterFunc(budgetWait, loan.Sent)
	l.say(budgetFrame{N: n, Answer: budgetYours})
}

// give ends a request of the member. Under books.
func (l *lendingLine) give(n uint64, refused bool, wait time.Duration) {
	of := l.open[n]
	delete(l.open, n)
	of.drop()
	if of.loan != nil {
		of.unsent.Stop()
		of.loan.Done(refused, wait)
	}
}
