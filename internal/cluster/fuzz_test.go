package cluster

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// message writes a message as a stream hears it, with its length before it.
func message(kind byte, n uint64, data string) []byte {
	m := append(binary.BigEndian.AppendUint64([]byte{kind}, n), data...)
	return append([]byte{byte(len(m))}, m...)
}

// Whatever comes at a stream's subject, where everybody at NATS may say something:
// what is read is the bytes that were sent, in their order and from the first, and
// the end comes as the end only after all of them. Nobody makes it send more than
// the other side has room for, or keep more.
func FuzzStream(f *testing.F) {
	nc := connect(f, startNATS(f))
	f.Add(bytes.Join([][]byte{message(kindHello, 0, ""), message(kindData, 0, "hello "), message(kindData, 6, "you"), message(kindEnd, 9, "")}, nil))
	f.Add(bytes.Join([][]byte{message(kindData, 0, "hello "), message(kindData, 7, "you"), message(kindEnd, 9, "")}, nil))
	f.Add(bytes.Join([][]byte{message(kindData, 0, "a"), message(kindProbe, 0, ""), message(kindAlive, 3, ""), message(kindEnd, 2, "")}, nil))
	f.Add(bytes.Join([][]byte{message(kindRead, 1<<63, ""), message(kindData, 0, "a"), message(kindReset, 0, "")}, nil))
	f.Add(bytes.Join([][]byte{message(kindEnd, 0, ""), message(kindData, 0, "after the end")}, nil))
	f.Add([]byte{3, 'd', 0, 0, 0})
	f.Fuzz(func(t *testing.T, said []byte) {
		s := newStream(nats.NewInbox(), "nobody.hears")
		s.over = func() {}
		if err := s.open(nc); err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var want []byte
		ended, broken := false, false
		for len(said) > 0 {
			n := min(int(said[0]), len(said)-1)
			m := said[1 : 1+n]
			said = said[1+n:]
			s.take(&nats.Msg{Subject: s.name, Data: bytes.Clone(m), Reply: "nobody.hears"})
			if len(m) < headerSize || broken {
				continue
			}
			switch at := binary.BigEndian.Uint64(m[1:]); m[0] {
			case kindData:
				if broken = ended || at != uint64(len(want)); !broken {
					want = append(want, m[headerSize:]...)
				}
			case kindEnd:
				broken = at != uint64(len(want))
				ended = ended || !broken
			case kindRead:
				broken = at > 0 // nothing was sent
			case kindReset:
				broken = true
			}
		}
		s.mu.Lock()
		if s.read > s.sent || s.came != uint64(len(want)) {
			t.Errorf("%d bytes were sent and %d read, %d came of %d", s.sent, s.read, s.came, len(want))
		}
		s.mu.Unlock()
		got := make([]byte, len(want))
		_ = s.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := io.ReadFull(s, got); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%q was read of %q: %v", got, want, err)
		}
		_ = s.SetReadDeadline(time.Unix(0, 0))
		if !broken && !ended {
			if n, err := s.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%d bytes more, %v, of a stream that goes on", n, err)
			}
			return
		}
		_ = s.SetReadDeadline(time.Time{})
		switch n, err := s.Read(make([]byte, 1)); {
		case n != 0:
			t.Error("there is more than was sent")
		case !broken && err != io.EOF, broken && !errors.Is(err, errLost) && !errors.Is(err, errReset):
			t.Errorf("ended %v, broken %v, and the reader is told %v", ended, broken, err)
		}
	})
}

// Whatever stands in the roster: it is read or refused; written and read again it
// is the same; and a member takes what is nobody's or a dead one's, and gives up
// nothing but what it has let go of.
func FuzzRoster(f *testing.F) {
	for _, s := range []string{
		`{"members":{"1":{"node":"a"},"2":{"node":"b","leaving":true}},"parts":{"0":"1","63":"2"}}`,
		`{"members":null,"parts":null}`, `{"parts":{"-1":"1","64":"me","7":""}}`, `{"members":{"me":{}},"parts":{"5":"me","6":"gone"}}`, `[]`, `null`, `{"members":{"":{"node":""}}}`,
	} {
		f.Add([]byte(s), "me")
	}
	f.Fuzz(func(t *testing.T, b []byte, me string) {
		r, err := decodeRoster(b)
		if err != nil {
			return
		}
		doc, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := decodeRoster(doc); err != nil || !reflect.DeepEqual(r, again) {
			t.Fatalf("%s became %+v, %v", doc, again, err)
		}
		r.Members[me] = member{Node: me}
		alive := func(id string) bool { return len(id)%2 == 0 || id == me }
		let := func(part int) bool { return part%3 == 0 }
		next := r.step(me, alive, let, func(part int) bool { return part%5 != 0 })
		if next == nil {
			return
		}
		for part := range Partitions {
			was, is := r.Parts[part], next.Parts[part]
			switch {
			case was == is:
			case is == me && (was == "" || !alive(was) && was != me): // nobody's
			case was == me && is == "" && let(part):
			default:
				t.Errorf("part %d goes from %q to %q", part, was, is)
			}
		}
		for part := range next.Parts {
			if part < 0 || part >= Partitions {
				t.Errorf("there is no part %d", part)
			}
		}
		for id := range r.Members {
			if _, stays := next.Members[id]; !stays && (id == me || alive(id)) {
				t.Errorf("member %q, who is there, is taken off", id)
			}
		}
	})
}
