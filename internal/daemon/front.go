package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/cluster"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/web"
)

// The services that members have for each other: their listeners' handlers.
const (
	serviceAgents = "agents"
	servicePBX    = "pbx"
	serviceAdmin  = "admin"
)

const (
	// ownerTime is how long a request waits for a part that changes hands.
	ownerTime = 4 * time.Second
	ownerWait = 50 * time.Millisecond
	// deafTime is how long a node that does not hear NATS looks for whose a request
	// is: somebody else may know at once.
	deafTime = 50 * time.Millisecond
	// bodyMost is what a request may bring along to be handed on: more than any
	// that is not refused. An admin's has more when an event is tried.
	bodyMost      = 256 << 10
	adminBodyMost = 600 << 10
	bodyTime      = 5 * time.Second

	// headerPart names the part that a request was handed on for, headerFrom its
	// client; headerMoved says that the part is elsewhere by now. Between members
	// alone: from outside they are dropped.
	headerPart  = "Smokepop-Part"
	headerFrom  = "Smokepop-From"
	headerNode  = "Smokepop-Node" // that it came to
	headerMoved = "Smokepop-Moved"
	// headerUnkept says that an end has to be offered again.
	headerUnkept = "Smokepop-Unkept"
	// headerThen names the part that a guess goes on to from where it is counted.
	headerThen = "Smokepop-Then"
	// headerUser is who has opened the admin socket, for the audit log.
	headerUser = "Smokepop-User"
)

const msgBody = "The request is too long, or did not come in time."

// front takes requests to the stack that they belong to, here or at another
// member.
type front struct {
	*member
	service string
	// whose returns the part of a request, -1 for what is of no tenant.
	whose func(r *http.Request, body []byte) (part int, err error)
	// again: a request may be made a second time when nobody knows whether the
	// first has arrived. Webhooks may.
	again bool
	http  http.RoundTripper
}

func (m *member) front(service string, again bool, whose func(*http.Request, []byte) (int, error)) *front {
	return &front{member: m, service: service, again: again, whose: whose, http: outbound{&http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			id, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			conn, err := m.Dial(ctx, id, service)
			if err != nil {
				return nil, undialled{err}
			}
			return conn, nil
		},
		MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, DisableCompression: true,
	}}}
}

// outbound marks the errors of requests that nobody has answered.
type outbound struct{ *http.Transport }

func (o outbound) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := o.Transport.RoundTrip(r)
	if err != nil {
		err = unanswered{err}
	}
	return res, err
}

// unanswered is that nobody knows whether a request has arrived.
type unanswered struct{ error }

func (u unanswered) Unwrap() error { return u.error }

// undialled is that a request has not left this member.
type undialled struct{ error }

func (u undialled) Unwrap() error { return u.error }

var errMoved = errors.New("the part is elsewhere")

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fromOutside(r)
	if f.leadsNowhere(r) {
		f.moving(w)
		return
	}
	body, err := readBody(w, r, bodyMost)
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, msgBody)
		return
	}
	asked, cancel := f.patient(r)
	defer cancel()
	part, err := f.whose(asked, body)
	if err != nil {
		f.unknown(w, err)
		return
	}
	if part < 0 {
		asked.Body = io.NopCloser(bytes.NewReader(body))
		f.lobby.serve(w, asked, f.service)
		return
	}
	if web.SignsIn(r) {
		r = asked // without the store nothing comes of it
	}
	if f.service == servicePBX {
		r = f.noting(r, part, body)
	}
	f.to(w, r, f.counting(r, part, body), body)
}

// fromOutside takes from a request what only members tell each other.
func fromOutside(r *http.Request) {
	for _, h := range []string{headerPart, headerFrom, headerNode, headerMoved, headerThen, headerUser} {
		r.Header.Del(h)
	}
}

// patient is a request with the time that it may wait for the store: to find out
// whose it is, and in the lobby. Where NATS falls silent meanwhile that is over.
func (f *front) patient(r *http.Request) (*http.Request, context.CancelFunc) {
	if f.Deaf() || f.CutOff() {
		ctx, cancel := context.WithTimeout(r.Context(), deafTime)
		return r.WithContext(ctx), cancel
	}
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(f.Hearing(), cancel)
	return r.WithContext(ctx), func() {
		stop()
		cancel()
	}
}

// unknown answers a request of which nobody can say whose it is.
func (f *front) unknown(w http.ResponseWriter, err error) {
	f.ground.log.Warn("whose request this is cannot be told: the store does not answer", "err", err)
	later(w, web.StoreAwayTime, web.MsgStoreAway)
}

// readBody reads what a request brings, within limits of its own: it may be sent
// twice.
func readBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	if r.Body == nil || r.ContentLength == 0 {
		return nil, nil
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return body, err
}

// to takes a request to the owner of a part, waiting for one where the part is
// changing hands.
func (f *front) to(w http.ResponseWriter, r *http.Request, part int, body []byte) {
	ctx, cancel := context.WithTimeout(r.Context(), ownerTime)
	defer cancel()
	for {
		id, local, err := f.Owner(ctx, part)
		if err != nil {
			f.moving(w)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if local {
			if s := f.stack(part); s != nil && f.answer(s, w, r, f.service) {
				return
			}
		} else if f.hand(w, r, id, part, body) {
			return
		}
		select {
		case <-time.After(ownerWait):
		case <-ctx.Done():
			f.moving(w)
			return
		}
	}
}

// moving answers a request whose owner is not to be had: the part changes hands, or
// this node hears nobody.
func (f *front) moving(w http.ResponseWriter) {
	if f.Deaf() {
		later(w, web.StoreAwayTime, web.MsgStoreAway)
		return
	}
	later(w, time.Second, web.MsgMoving)
}

func later(w http.ResponseWriter, again time.Duration, detail string) {
	w.Header().Set("Retry-After", strconv.Itoa(int(again.Seconds())))
	refuse(w, http.StatusServiceUnavailable, detail)
}

// refuse answers with a problem document, as all that is behind does.
func refuse(w http.ResponseWriter, status int, detail string) {
	body, err := json.Marshal(map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail})
	if err != nil {
		w.WriteHeader(status)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// hand hands a request on to a member; false when nothing was answered and it
// may be tried again.
func (f *front) hand(w http.ResponseWriter, r *http.Request, id string, part int, body []byte) (answered bool) {
	answered = true
	if endless[command(r)] {
		w = lasting(w)
	}
	proxy := httputil.ReverseProxy{
		Transport: f.http, FlushInterval: -1,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: id})
			p.Out.Host = p.In.Host
			p.Out.Body, p.Out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			p.Out.Header.Set(headerPart, strconv.Itoa(part))
			p.Out.Header.Set(headerFrom, r.RemoteAddr)
			p.Out.Header.Set(headerNode, f.ground.node)
			if user := userOf(r); user != "" {
				p.Out.Header.Set(headerUser, user)
			}
			if xff := p.In.Header["X-Forwarded-For"]; xff != nil {
				p.Out.Header["X-Forwarded-For"] = xff
			}
		},
		ModifyResponse: func(res *http.Response) error {
			if res.Header.Get(headerMoved) != "" {
				return errMoved
			}
			if res.Header.Get(headerUnkept) != "" {
				res.Header.Del(headerUnkept)
				noteUnkept(r.Context())
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			answered = !f.mayGoAgain(r, err)
			if answered {
				f.moving(w)
			}
		},
	}
	proxy.ServeHTTP(w, r)
	return answered
}

// mayGoAgain tells whether a request that has failed may be made once more. A page
// that opens its socket may: its owner has died meanwhile, and the page need not know.
func (f *front) mayGoAgain(r *http.Request, err error) bool {
	var never undialled
	var nobody unanswered
	switch {
	case errors.Is(err, errMoved), errors.As(err, &never):
		return true
	case r.Context().Err() != nil:
		return false
	}
	return f.again || r.Header.Get("Upgrade") != "" && errors.As(err, &nobody)
}

func partNamed(name string) (int, bool) {
	part, err := strconv.Atoi(name)
	return part, err == nil && part >= 0 && part < cluster.Partitions
}

// inner serves what other members hand on to this one.
func (m *member) inner(service string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == adminsTurned && r.Header.Get(headerPart) == "" {
			m.lobby.web.AdminsTurned()
			w.WriteHeader(http.StatusNoContent)
			return
		}
		part, ok := partNamed(r.Header.Get(headerPart))
		if from := r.Header.Get(headerFrom); from != "" {
			r.RemoteAddr = from
		}
		if actor, known := actorOf(r.Header.Get(headerUser)); known {
			r = r.WithContext(audit.WithActor(r.Context(), actor))
		}
		r.Header.Del(headerPart)
		r.Header.Del(headerFrom)
		r.Header.Del(headerUser)
		if service == servicePBX {
			r = r.WithContext(context.WithValue(r.Context(), notedKey{}, unkeptNote(func() { w.Header().Set(headerUnkept, "1") })))
		}
		if ok {
			ctx, cancel := context.WithTimeout(r.Context(), ownerWait)
			_, local, err := m.Owner(ctx, part)
			cancel()
			if s := m.stack(part); err == nil && local && s != nil && m.answer(s, w, r, service) {
				return
			}
		}
		w.Header().Set(headerMoved, "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
}

// nodeOf is where a request has come in: here, unless it was handed on.
func nodeOf(r *http.Request, here string) string {
	if node := r.Header.Get(headerNode); node != "" && here != "" {
		return node
	}
	return here
}

// userOf writes down who is at the other end of the admin socket, "" where that
// is not known.
func userOf(r *http.Request) string {
	actor := audit.ActorIn(r.Context(), audit.ActorSocket)
	if !actor.HasUID {
		return ""
	}
	return strconv.FormatUint(uint64(actor.UID), 10) + " " + actor.Name
}

func actorOf(user string) (audit.Actor, bool) {
	uid, name, _ := strings.Cut(user, " ")
	n, err := strconv.ParseUint(uid, 10, 32)
	return audit.ByUser(audit.ActorSocket, uint32(n), name), err == nil
}

// ofWebhook tells the part of a webhook by its path.
func (m *member) ofWebhook(r *http.Request, _ []byte) (int, error) {
	rest, ok := strings.CutPrefix(r.URL.Path, hooksPath+"vodia/")
	domain, _, _ := strings.Cut(rest, "/")
	if !ok {
		return -1, nil
	}
	return m.partOf(screenpop.ParseTenant(domain)), nil
}

// ofBrowser tells the part of an agent's request by its session.
func (m *member) ofBrowser(r *http.Request, body []byte) (int, error) {
	if part, known := m.ground.sessions.part(m.lobby.web.CredentialPath(r)); known && m.wanted(part) {
		return part, nil
	}
	tenant, err := m.lobby.web.Whose(r, body)
	if err != nil {
		return -1, err
	}
	part := m.partOf(tenant)
	if part < 0 && web.SignsIn(r) {
		part = m.guessesOf(r) // of nobody's invite, or with an admin's link
	}
	return part, nil
}
