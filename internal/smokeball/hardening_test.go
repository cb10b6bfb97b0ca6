package smokeball_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/smokepop/smokepop/internal/smokeball"
)

// search asks for a number that no error may repeat.
func search(t *testing.T, ctx context.Context, c *Client) error {
	t.Helper()
	_, err := c.SearchContacts(ctx, "hush-token", ContactQuery{Phone: "*6173994711*"})
	if err != nil {
		if withURL := new(url.Error); errors.As(err, &withURL) {
			t.Errorf("the error has a URL in it: %v", withURL)
		}
		for _, text := range []string{err.Error(), fmt.Sprintf("%v", err), fmt.Sprintf("%+v", err)} {
			if strings.Contains(text, "4711") || strings.Contains(text, "hush") || strings.Contains(text, "the-key") {
				t.Errorf("the error tells too much: %s", text)
			}
		}
	}
	return err
}

func TestWebPageInsteadOfJSON(t *testing.T) {
	c := newClient(t, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>hush 6173994711</html>")) })
	var malformed *AnswerError
	if err := search(t, t.Context(), c); !errors.As(err, &malformed) {
		t.Errorf("%v", err)
	}
}

func TestErrorBodyIsNotRepeated(t *testing.T) {
	c := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"message":"hush"}`, http.StatusForbidden)
	})
	var status *StatusError
	if err := search(t, t.Context(), c); !errors.As(err, &status) || status.Status != 403 {
		t.Errorf("%v", err)
	}
}

func TestAnswerOf3MiB(t *testing.T) {
	var sent atomic.Int64
	c := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`{"value":[],"hush":"`))
		for chunk := strings.Repeat("x", 1<<16); sent.Load() < 3<<20; {
			n, err := w.Write([]byte(chunk))
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
		w.Write([]byte(`"}`))
	})
	var malformed *AnswerError
	if err := search(t, t.Context(), c); !errors.As(err, &malformed) || !strings.Contains(err.Error(), "too large") {
		t.Errorf("%v", err)
	}
}

func TestTokenAnswerOf1MiB(t *testing.T) {
	s := newAuthServer(t, says(200, `{"access_token":"a","hush":"`+strings.Repeat("x", 1<<20)+`"}`))
	var failed *OAuthError
	if _, err := s.client().Refresh(t.Context(), "r"); !errors.As(err, &failed) || failed.Kind != Temporary {
		t.Errorf("%v", err)
	}
}

func TestRedirectToAnotherHostIsNotFollowed(t *testing.T) {
	var thief atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { thief.Add(1) }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		redirect := func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+"/oauth2/token", status)
		}
		var answered *StatusError
		if err := search(t, t.Context(), newClient(t, redirect)); !errors.As(err, &answered) || answered.Status != status {
			t.Errorf("%d: %v", status, err)
		}
		s := newAuthServer(t, redirect)
		var failed *OAuthError
		if _, err := s.client().Exchange(t.Context(), "hush-code", "v"); !errors.As(err, &failed) || failed.Status != status {
			t.Errorf("%d: exchange: %v", status, err)
		}
		if _, err := s.client().Refresh(t.Context(), "hush"); !errors.As(err, &failed) || failed.Status != status {
			t.Errorf("%d: refresh: %v", status, err)
		}
		if err := s.client().Revoke(t.Context(), "hush"); !errors.As(err, &failed) || failed.Status != status {
			t.Errorf("%d: revoke: %v", status, err)
		}
	}
	if n := thief.Load(); n != 0 {
		t.Errorf("the other host was asked %d times", n)
	}
}

func TestRedirectToItselfIsNotFollowed(t *testing.T) {
	var asked atomic.Int32
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	})
	if err := search(t, t.Context(), c); err == nil || asked.Load() != 1 {
		t.Errorf("%v after %d requests", err, asked.Load())
	}
}

func TestSlowBody(t *testing.T) {
	stop := make(chan struct{})
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(`{"value":[`))
		w.(http.Flusher).Flush()
		<-stop
	})
	defer close(stop)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var failed *ConnectionError
	if err := search(t, ctx, c); !errors.As(err, &failed) || !failed.Timeout() || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestAnswerCutOff(t *testing.T) {
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.Write([]byte(`{"value":[{"hush":"6173994711"`))
	})
	var failed *ConnectionError
	if err := search(t, t.Context(), c); !errors.As(err, &failed) {
		t.Errorf("%v", err)
	}
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c := NewClient(ClientConfig{APIBase: "http://" + l.Addr().String(), APIKey: "the-key"})
	var failed *ConnectionError
	if err := search(t, t.Context(), c); !errors.As(err, &failed) {
		t.Errorf("%v", err)
	}
}

func TestResponseSplitIntoHeaders(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Read(make([]byte, 4096))
			conn.Write([]byte("HTTP/1.1 hush-4711\r\nhush 6173994711\r\n\r\n"))
			conn.Close()
		}
	}()
	c := NewClient(ClientConfig{APIBase: "http://" + l.Addr().String()})
	var failed *ConnectionError
	if err := search(t, t.Context(), c); !errors.As(err, &failed) {
		t.Errorf("%v", err)
	}
}

// Search values are patterns: nothing but digits and the plan's own asterisks
// may get into one, or a caller could match everybody.
func TestSearchTakesDigitsOnly(t *testing.T) {
	c := newClient(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	for _, phone := range []string{
		"", "*", "**", "1", "*1*", "***12", "*12**", "1*2", "+16173998147", "617-399", "617 399", "12&Search=name:*", "12\n", "name:*", "１２３４",
		"٣٤٥٦", "*12*&", "%2A12", strings.Repeat("1", 21),
	} {
		if _, err := c.SearchContacts(t.Context(), "x", ContactQuery{Phone: phone}); !errors.Is(err, ErrSearch) {
			t.Errorf("%q: %v", phone, err)
		}
	}
	for _, email := range []string{
		"", "*", "*@firm.example", "a*b@firm.example", "a@*", "a@firm.example&Search=x:y", "A <a@firm.example>", "a b@firm.example", `"a"@firm.example`,
		"a@firm.example\n", "a:b@firm.example", "a@b@c.example", "ä@firm.example", strings.Repeat("a", 250) + "@b.example",
	} {
		if _, err := c.StaffByEmail(t.Context(), "x", email); !errors.Is(err, ErrSearch) {
			t.Errorf("%q: %v", email, err)
		}
	}
}

func TestIDThatIsNoID(t *testing.T) {
	c := newClient(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	links, err := NewLinks("https://app.smokeball.com", "", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"", "x", "../firm", id + "/", "/" + id, id + "\n", id + "?x=1", id[:35], id + "0", "javascript:alert(1)//aaaaaaaaaaaaaa", "https://api.smokeball.com/contacts/" + id,
		"323f9755_045a_4b68_a536_eb566b8428ff", "323f9755-045a-4b68-a536-eb566b8428fg", "{" + id[1:35] + "}", "%33" + id[3:], strings.Repeat("-", 36),
		"３23f9755-045a-4b68-a536-eb566b8428", "323f97550-45a-4b68-a536-eb566b8428ff", "00000000000000000000000000000000",
	} {
		if link, ok := links.Contact(bad); ok || link != "" {
			t.Errorf("contact link of %q: %q", bad, link)
		}
		if link, ok := links.Matter(bad); ok || link != "" {
			t.Errorf("matter link of %q: %q", bad, link)
		}
		if _, err := c.Contact(t.Context(), "x", bad); !errors.Is(err, ErrID) {
			t.Errorf("contact %q: %v", bad, err)
		}
		if _, err := c.Matters(t.Context(), "x", bad, 5); !errors.Is(err, ErrID) {
			t.Errorf("matters of %q: %v", bad, err)
		}
		if _, err := c.User(t.Context(), "x", bad); !errors.Is(err, ErrID) {
			t.Errorf("user %q: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "../firm", "a/b", "a?b", "a#b", "a b", "a%2fb", ".", "..", strings.Repeat("a", 129)} {
		if _, err := c.Staff(t.Context(), "x", bad); !errors.Is(err, ErrID) {
			t.Errorf("staff %q: %v", bad, err)
		}
		if _, err := c.FirmUser(t.Context(), "x", bad); !errors.Is(err, ErrID) {
			t.Errorf("firm user %q: %v", bad, err)
		}
	}
}

// A token with a line break in it must not become a header of its own.
func TestTokenThatIsNoHeader(t *testing.T) {
	c := newClient(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	var status *StatusError
	if _, err := c.Firm(t.Context(), "a\r\nx-api-key: b"); !errors.As(err, &status) || status.Status != 401 {
		t.Errorf("%v", err)
	}
}

// A name is text, whatever it looks like; making it safe to show is the page's
// matter, and nothing of it may be lost on the way.
func TestScriptInAName(t *testing.T) {
	c := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`{"person":{"firstName":"<script>alert(1)</script>","lastName":"O'\"&amp;"}}`))
	})
	got, err := c.Contact(t.Context(), "x", id)
	if want := `<script>alert(1)</script> O'"&amp;`; err != nil || got.Name != want {
		t.Errorf("%q, %v", got.Name, err)
	}
}

// A deeply nested answer must not take the process with it.
func TestNestedAnswer(t *testing.T) {
	c := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`{"value":` + strings.Repeat("[", 500_000) + strings.Repeat("]", 500_000) + `}`))
	})
	var malformed *AnswerError
	if err := search(t, t.Context(), c); !errors.As(err, &malformed) {
		t.Errorf("%v", err)
	}
}
