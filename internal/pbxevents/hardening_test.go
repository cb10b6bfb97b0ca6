package pbxevents

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

const event101 = `{"event":"ringing","call_id":"c","from":"6173998147","to":"101"}`

// refused posts a body and wants a status, and nothing offered.
func refused(t *testing.T, r *rig, status int, path, contentType, body string) {
	t.Helper()
	got, answer := r.post(path, contentType, body)
	if got != status {
		t.Errorf("%d %.200s, want %d", got, answer, status)
	}
	if lines := r.sink.take(); lines != nil {
		t.Errorf("offered %q", lines)
	}
}

func TestHardeningOversizeBody(t *testing.T) {
	r := newRig(t, nil)
	fill := func(n int) string {
		head := event101[:len(event101)-1] + `,"x":"`
		return head + strings.Repeat("x", n-len(head)-2) + `"}`
	}
	if status, answer := r.post("/hooks/vodia/"+firm, "application/json", fill(maxBody)); status != http.StatusAccepted {
		t.Errorf("65,536 bytes: %d %s", status, answer)
	}
	r.sink.take()
	refused(t, r, http.StatusRequestEntityTooLarge, "/hooks/vodia/"+firm, "application/json", fill(maxBody+1))
}

// A body that does not tell its length is counted as it comes.
func TestHardeningOversizeChunkedBody(t *testing.T) {
	r := newRig(t, nil)
	server := httptest.NewServer(r.handler)
	defer server.Close()
	for n, want := range map[int]int{maxBody: http.StatusBadRequest, maxBody + 1: http.StatusRequestEntityTooLarge, 1 << 20: http.StatusRequestEntityTooLarge} {
		body := io.MultiReader(strings.NewReader(strings.Repeat("x", n))) // hides the length
		res, err := http.Post(server.URL+"/hooks/vodia/"+firm, "application/json", body)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%d bytes in chunks: %d, want %d", n, res.StatusCode, want)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// A sender that promises a body and sends it drop by drop is cut off: here its
// deadline is found to be set, without waiting for it.
func TestHardeningSlowBodyHasADeadline(t *testing.T) {
	r := newRig(t, nil)
	w := &deadlined{ResponseRecorder: httptest.NewRecorder()}
	body, stuck := io.Pipe()
	w.expire = func() { stuck.CloseWithError(timeout{}) }
	req := httptest.NewRequest(http.MethodPost, "/hooks/vodia/"+firm, body)
	req.ContentLength = 100
	r.handler.ServeHTTP(w, req)
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "within 10s") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// deadlined is a connection whose read deadline passes the moment it is set.
type deadlined struct {
	*httptest.ResponseRecorder
	expire func()
}

func (d *deadlined) SetReadDeadline(at time.Time) error {
	if !at.IsZero() {
		go d.expire()
	}
	return nil
}

type timeout struct{}

func (timeout) Error() string        { return "i/o timeout" }
func (timeout) Is(target error) bool { return target == os.ErrDeadlineExceeded }

// A body shorter than it was promised to be is no event.
func TestHardeningBodyThatBreaksOff(t *testing.T) {
	r := newRig(t, nil)
	server := httptest.NewServer(r.handler)
	defer server.Close()
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /hooks/vodia/%s HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", firm, len(event101)+1, event101)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusBadRequest || r.sink.take() != nil {
		t.Errorf("%d", res.StatusCode)
	}
}

func TestHardeningWrongCredentialsTellNothing(t *testing.T) {
	r := newRig(t, guarded)
	var answers []string
	for _, token := range []string{"", "t", "t-4711x", "t-4710", strings.Repeat("t", 10_000)} {
		req := httptest.NewRequest(http.MethodPost, "/hooks/vodia/"+firm, strings.NewReader(event101))
		req.RemoteAddr = "10.0.0.1:1"
		req.SetBasicAuth("vodia", "correct horse")
		req.Header.Set(TokenHeader, token)
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, req)
		answers = append(answers, strconv.Itoa(w.Code)+w.Body.String())
	}
	for _, a := range answers {
		if a != answers[0] || !strings.HasPrefix(a, "401") || strings.Contains(a, "4711") || strings.Contains(a, "horse") {
			t.Errorf("answered %s, and %s", a, answers[0])
		}
	}
	if log := r.log.String(); strings.Contains(log, "4711") || strings.Contains(log, "horse") {
		t.Errorf("the log tells a secret: %s", log)
	}
}

// Two tokens, one of them right, are none.
func TestHardeningTwoTokens(t *testing.T) {
	r := newRig(t, func(t *Tenant) { t.Auth = Auth{Token: "t-4711"} })
	req := httptest.NewRequest(http.MethodPost, "/hooks/vodia/"+firm, strings.NewReader(event101))
	req.Header[TokenHeader] = []string{"t-4711", "guess"}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "" {
		t.Errorf("%d", w.Code)
	}
}

// Credentials elsewhere than in their header are none.
func TestHardeningCredentialsInTheURL(t *testing.T) {
	r := newRig(t, guarded)
	req := httptest.NewRequest(http.MethodPost, "/hooks/vodia/"+firm+"?X-Smokepop-Token=t-4711&user=vodia&pass=correct+horse", strings.NewReader(event101))
	req.RemoteAddr = "10.0.0.1:1"
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	if w.Code != http.StatusUnauthorized {
		t.Errorf("%d", w.Code)
	}
}

// What a stranger says of where it comes from is not believed here.
func TestHardeningForwardedHeaders(t *testing.T) {
	r := newRig(t, func(t *Tenant) { t.Auth = Auth{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}} })
	for _, header := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "True-Client-Ip"} {
		req := httptest.NewRequest(http.MethodPost, "/hooks/vodia/"+firm, strings.NewReader(event101))
		req.RemoteAddr = "203.0.113.9:1"
		req.Header.Set(header, "10.0.0.1")
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, req)
		if w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", header, w.Code)
		}
	}
}

func TestHardeningMethodOverride(t *testing.T) {
	r := newRig(t, nil)
	for _, method := range []string{"DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "BREW"} {
		req := httptest.NewRequest(method, "/hooks/vodia/"+firm+"?_method=POST&event=ringing&call_id=c&from=6173998147&to=101", nil)
		req.Header.Set("X-HTTP-Method-Override", "POST")
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, req)
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST, PUT, GET" {
			t.Errorf("%s: %d, Allow %q", method, w.Code, w.Header().Get("Allow"))
		}
	}
	if lines := r.sink.take(); lines != nil {
		t.Errorf("offered %q", lines)
	}
}

// A domain is the tenant's, in any case, or it is nobody's.
func TestHardeningDomainTricks(t *testing.T) {
	r := newRig(t, nil)
	for _, path := range []string{
		"/hooks/vodia/" + firm + "%00", "/hooks/vodia/" + firm + "%2f", "/hooks/vodia/..%2f" + firm, "/hooks/vodia/x." + firm, "/hooks/vodia/" + firm + ".evil.example",
		"/hooks/vodia/" + firm + "%0d%0aX-Evil:1", "/hooks/vodia/f%C4%B1rm.example.com", "/hooks/vodia/*", "/hooks/vodia/%7Bdomain%7D", "/hooks/vodia//" + firm,
		"/hooks/vodia/" + firm + "/", "/HOOKS/vodia/" + firm, "/hooks/vodia/" + firm + "/ringing", "/hooks/vodia/" + firm + "/ringing/101/x", "/hooks/vodia/", "/",
	} {
		refused(t, r, http.StatusNotFound, path, "application/json", event101)
	}
	for _, path := range []string{"/hooks/vodia/FIRM.Example.COM", "/hooks/vodia/" + firm + "."} {
		if status, answer := r.post(path, "application/json", event101); status == http.StatusNotFound {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
}

// What is sent never reaches a header of the answer, a line of the log or the
// JSON's structure.
func TestHardeningHeaderInjection(t *testing.T) {
	r := newRig(t, nil)
	for _, value := range []string{"c\\r\\nX-Evil: 1", "c\\nd", "c\\u0000", "c\\u007f"} {
		body := `{"event":"ringing","call_id":"` + value + `","from":"6173998147","to":"101"}`
		refused(t, r, http.StatusBadRequest, "/hooks/vodia/"+firm, "application/json", body)
		body = `{"event":"ringing","call_id":"c","from":"6173998147","to":"101","queue":"` + value + `"}`
		refused(t, r, http.StatusBadRequest, "/hooks/vodia/"+firm, "application/json", body)
		body = `{"event":"ringing","call_id":"c","from":"6173998147","extension":["` + value + `"]}`
		refused(t, r, http.StatusBadRequest, "/hooks/vodia/"+firm, "application/json", body)
	}
	status, answer := r.post("/hooks/vodia/"+firm, "application/json", `{"a\r\nX-Evil: 1":1,"a\r\nX-Evil: 1":2}`)
	if status != http.StatusBadRequest || strings.ContainsAny(answer, "\r\n") {
		t.Errorf("%d %q", status, answer)
	}
	if strings.Contains(r.log.String(), "\nX-Evil") {
		t.Errorf("a line of its own in the log: %q", r.log)
	}
}

// Bytes that are no UTF-8 are no call id: they could not be told again.
func TestHardeningInvalidUTF8(t *testing.T) {
	r := newRig(t, nil)
	refused(t, r, http.StatusBadRequest, "/hooks/vodia/"+firm, "application/x-www-form-urlencoded", "event=ringing&call_id=%ff%fe&from=6173998147&to=101")
}

func TestHardeningDeepNesting(t *testing.T) {
	r := newRig(t, nil)
	for _, open := range []string{"[", `{"x":`} {
		n := (maxBody - 200) / len(open)
		refused(t, r, http.StatusBadRequest, "/hooks/vodia/"+firm, "application/json", event101[:len(event101)-1]+`,"x":`+strings.Repeat(open, n))
		refused(t, r, http.StatusBadRequest, "/hooks/vodia/"+firm, "application/json", strings.Repeat(open, n))
	}
}

func TestHardeningTenThousandDigits(t *testing.T) {
	r := newRig(t, nil)
	long := strings.Repeat("6173998147", 1000)
	for _, body := range []string{
		`{"event":"ringing","call_id":"c","from":"` + long + `","to":"101"}`,
		`{"event":"ringing","call_id":"c","from":` + long + `,"to":"101"}`,
		`{"event":"ringing","call_id":"c","from":"sip:` + long + `@h","to":"101"}`,
		`{"event":"ringing","call_id":` + long + `,"from":"6173998147","to":"101"}`,
		`{"event":"ringing","call_id":"c","from":"6173998147","extension":` + long + `}`,
	} {
		refused(t, r, http.StatusBadRequest, "/hooks/vodia/"+firm, "application/json", body)
	}
	refused(t, r, http.StatusOK, "/hooks/vodia/"+firm, "application/json", `{"event":"ringing","call_id":"c","from":"`+long[:1000]+`","to":"101"}`)
}

// A feature code that is too long to be read is no way around the filter.
func TestHardeningStarCodeInDisguise(t *testing.T) {
	r := newRig(t, nil)
	for _, to := range []string{"*97", " *97", "%2A97", "sip:*97@h", "<sip:%2a97@h>", `\"101\" <sip:*97@h>`, "*97;" + strings.Repeat("x", 900), "tel:*97"} {
		_, answer := r.post("/hooks/vodia/"+firm, "application/json", `{"event":"ringing","call_id":"c","from":"6173998147","extension":"101","to":"`+to+`"}`)
		if answer != `{"result":"skipped","reason":"star-code"}` {
			t.Errorf("%.40s: %s", to, answer)
		}
	}
	refused(t, r, http.StatusBadRequest, "/hooks/vodia/"+firm, "application/json",
		`{"event":"ringing","call_id":"c","from":"6173998147","extension":"101","to":"*97;`+strings.Repeat("x", 2000)+`"}`)
}

// Thousands of keys and of extensions cost what their bytes cost.
func TestHardeningKeyFlood(t *testing.T) {
	r := newRig(t, nil)
	var b, list strings.Builder
	for i := 0; b.Len() < maxBody-100; i++ {
		fmt.Fprintf(&b, `"k%d":1,`, i)
	}
	if status, answer := r.post("/hooks/vodia/"+firm, "application/json", "{"+b.String()+event101[1:]); status != http.StatusAccepted {
		t.Errorf("%d %s", status, answer)
	}
	for i := 0; list.Len() < maxBody-100; i++ {
		fmt.Fprintf(&list, "%d,", 100000+i)
	}
	body := `{"event":"ringing","call_id":"d","from":"6173998147","extension":"` + list.String() + `101"}`
	if status, answer := r.post("/hooks/vodia/"+firm, "application/json", body); status != http.StatusAccepted {
		t.Errorf("%d %s", status, answer)
	}
	before := len(r.trace.all())
	body = `{"event":"ringing","call_id":"e","from":"6173998147","extension":"` + list.String() + `"}`
	if status, answer := r.post("/hooks/vodia/"+firm, "application/json", body); status != http.StatusOK {
		t.Errorf("%d %s", status, answer)
	}
	if n := len(r.trace.all()) - before; n > maxRecorded {
		t.Errorf("%d trace entries of one event", n)
	}
}

// Call ids that never end do not fill the memory.
func TestHardeningCallFlood(t *testing.T) {
	r := newRig(t, nil)
	tr := r.tenant(firm).tracker
	tr.max = 1000
	m := message{state: screenpop.Ringing, from: party{"6173998147", "6173998147", true}, to: party{"101", "101", true}}
	var before, after runtime.MemStats
	for i := range 30_000 {
		if i == 10_000 {
			r.sink.events, r.sink.lines = nil, nil
			runtime.GC()
			runtime.ReadMemStats(&before)
		}
		m.call = screenpop.CallID(strconv.Itoa(i))
		r.tenant(firm).take(&m, r.clock.Now())
	}
	r.sink.events, r.sink.lines = nil, nil
	runtime.GC()
	runtime.ReadMemStats(&after)
	if live, done, all := r.sizes(); live+done != 1000 || all != 1000 {
		t.Errorf("%d live, %d done, %d calls", live, done, all)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("%d bytes more after 20,000 calls more", grown)
	}
}

// A refusal is one line. That there are not too many is the daemon's to see to,
// for whoever writes them.
func TestHardeningRefusalIsLoggedOnce(t *testing.T) {
	r := newRig(t, nil)
	r.post("/hooks/vodia/"+firm, "application/json", "x")
	if n := strings.Count(r.log.String(), "\n"); n != 1 {
		t.Errorf("%d lines", n)
	}
	if strings.Contains(r.log.String(), "component=") {
		t.Error("the component is named here too: whoever gives the logger has named it already")
	}
}

// Numbers do not reach the log, whatever is wrong with the event.
func TestHardeningNumbersStayOutOfTheLog(t *testing.T) {
	r := newRig(t, nil)
	for _, body := range []string{
		`{"event":"ringing","from":"6173998147"}`, `{"event":"ringing","call_id":"c","from":"6173998147","from":"6173998147"}`,
		`{"event":"ringing","call_id":"c","from":{"6173998147":1}}`, `{"6173998147":`, `{"event":"ringing","call_id":"c","from":"6173998147","to":"101"}`,
	} {
		r.post("/hooks/vodia/"+firm, "application/json", body)
	}
	if strings.Contains(r.log.String(), "617399") {
		t.Errorf("the log tells a number: %s", r.log)
	}
	for _, e := range r.trace.all() {
		if strings.Contains(e.Number+e.Detail, "617399") {
			t.Errorf("the trace tells a number: %+v", e)
		}
	}
}
