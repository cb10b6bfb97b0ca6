package push

import (
	"errors"
	"net"
	"slices"
	"testing"
)

// noted is a connection that notes what is written, each call for itself.
type noted struct {
	net.Conn
	writes []string
	room   int // how many bytes go through before it breaks; 0: all
}

var errBroken = errors.New("broken")

func (c *noted) Write(p []byte) (int, error) {
	c.writes = append(c.writes, string(p))
	if c.room > 0 && len(p) > c.room {
		return c.room, errBroken
	}
	return len(p), nil
}

func TestTheHandshakesAnswerGoesWithTheFirstFrame(t *testing.T) {
	c := &noted{}
	o := &opening{Conn: c}
	for _, s := range []string{"answer", "hello", "pop"} {
		if n, err := o.Write([]byte(s)); n != len(s) || err != nil {
			t.Errorf("writing %s: %d, %v", s, n, err)
		}
	}
	if want := []string{"answerhello", "pop"}; !slices.Equal(c.writes, want) {
		t.Errorf("written %q, want %q", c.writes, want)
	}
}

// What is written of the answer is not taken for a part of the frame.
func TestABrokenFirstWriteCountsTheFrameAlone(t *testing.T) {
	for room, want := range map[int]int{3: 0, 6: 0, 8: 2} {
		o := &opening{Conn: &noted{room: room}}
		_, _ = o.Write([]byte("answer"))
		if n, err := o.Write([]byte("hello")); n != want || !errors.Is(err, errBroken) {
			t.Errorf("with room for %d bytes: %d, %v; want %d", room, n, err, want)
		}
	}
}
