package daemon

import (
	"bufio"
	"encoding/json"
	"net"
	"sync"
	"time"

	"github.com/smokepop/smokepop/internal/smokeball"
)

// budgetFrame is one message between a member that keeps a budget and one that
// asks for requests of it. N names the request; one of the others is set.
type budgetFrame struct {
	N      uint64        `json:"n"`
	Ask    *budgetAsk    `json:"ask,omitempty"`
	Sent   bool          `json:"sent,omitempty"`
	Done   bool          `json:"done,omitempty"`
	Refuse bool          `json:"refused,omitempty"` // with Done: by a 429
	Wait   time.Duration `json:"wait,omitempty"`    // that it asked for
	Drop   bool          `json:"drop,omitempty"`    // nobody waits for it any more
	Answer string        `json:"answer,omitempty"`  // from who keeps the budget
}

// The answers. The first is given at once: it shows that somebody is there.
const (
	budgetHeard = "heard"
	budgetYours = "yours"
	budgetBusy  = "busy"
	budgetAway  = "away"
)

type budgetAsk struct {
	API      string             `json:"api"`
	ClientID string             `json:"client"`
	Endpoint smokeball.Endpoint `json:"endpoint"`
	Class    smokeball.Class    `json:"class"`
	Since    time.Time          `json:"since"`
	Within   time.Duration      `json:"within,omitempty"` // until an answer is of no use; 0: never
}

// budgetLine is a connection that frames go over. What is said waits in a queue,
// so that who says it does not.
type budgetLine struct {
	conn net.Conn

	mu    sync.Mutex
	more  *sync.Cond
	queue []budgetFrame
	over  bool
}

func newBudgetLine() *budgetLine {
	l := &budgetLine{}
	l.more = sync.NewCond(&l.mu)
	return l
}

func (l *budgetLine) say(f budgetFrame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(l.queue, f)
	l.more.Signal()
}

// write writes what is said until the line is ended.
func (l *budgetLine) write(conn net.Conn) {
	out := bufio.NewWriter(conn)
	enc := json.NewEncoder(out)
	for {
		l.mu.Lock()
		for len(l.queue) == 0 && !l.over {
			l.more.Wait()
		}
		frames, over := l.queue, l.over
		l.queue = nil
		l.mu.Unlock()
		if over {
			return
		}
		for _, f := range frames {
			if enc.Encode(f) != nil {
				_ = conn.Close()
				return
			}
		}
		if out.Flush() != nil {
			_ = conn.Close()
			return
		}
	}
}

// end ends the line; what was not written is not.
func (l *budgetLine) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	if l.conn != nil {
		_ = l.conn.Close()
	}
	l.more.Broadcast()
}

// up gives the line its connection; false when it has ended already.
func (l *budgetLine) up(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = conn
	return !l.over
}
