package daemon

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// ofAll are the commands that may be about all tenants: every owner is asked then.
// Any other command that names no tenant is about this node, or about the store,
// which all share.
var ofAll = map[string]bool{
	"/v1/agents": true, "/v1/sessions": true, "/v1/trace": true, "/v1/calls": true,
	"/v1/directory": true, "/v1/directory/refresh": true, "/v1/doctor/webhooks": true,
}

// admin serves the admin socket of a member: a command about one tenant goes to
// its owner, one about all of them to every owner, and the answers become one.
func (m *member) admin() http.Handler {
	f := m.front(serviceAdmin, false, func(r *http.Request, body []byte) (int, error) {
		return m.partOf(tenantNamed(r, body)), nil
	})
	m.commands = f
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/members" {
			m.tellMembers(w, r)
			return
		}
		fromOutside(r)
		body, err := readBody(w, r, adminBodyMost)
		if err != nil {
			refuse(w, http.StatusRequestEntityTooLarge, msgBody)
			return
		}
		part, _ := f.whose(r, body)
		switch all := part < 0 && ofAll[r.URL.Path] && r.URL.Query().Get("tenant") == ""; {
		case all && follows(r):
			f.followAll(w, r, m.spread.Load().all())
		case all:
			f.everywhere(w, r, m.spread.Load().all())
		case part >= 0:
			f.to(w, r, part, body)
		default:
			r.Body = io.NopCloser(bytes.NewReader(body))
			f.ServeHTTP(w, r)
		}
	})
}

// tenantNamed is the tenant that a command names, in its query or its body.
func tenantNamed(r *http.Request, body []byte) screenpop.Tenant {
	if tenant := screenpop.ParseTenant(r.URL.Query().Get("tenant")); tenant != "" {
		return tenant
	}
	var in struct {
		Tenant screenpop.Tenant `json:"tenant"`
	}
	_ = json.Unmarshal(body, &in)
	return screenpop.ParseTenant(string(in.Tenant))
}

// tellMembers tells who is there, and of a tenant that is named which node has it.
func (m *member) tellMembers(w http.ResponseWriter, r *http.Request) {
	members := m.Members()
	answer := map[string]any{"members": members, "connected": m.Connected(), "settled": m.Settled()}
	if named := r.URL.Query().Get("tenant"); named != "" {
		part := m.partOf(screenpop.ParseTenant(named))
		if part < 0 {
			refuse(w, http.StatusNotFound, "There is no such tenant.")
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), ownerWait)
		defer cancel()
		if id, _, err := m.Owner(ctx, part); err == nil {
			for _, one := range members {
				if one.ID == id {
					answer["owner"] = one.Node
				}
			}
		}
	}
	writeAnswer(w, answer)
}

func follows(r *http.Request) bool {
	f := r.URL.Query().Get("follow")
	return command(r) == "/v1/trace" && (f == "1" || f == "true")
}

// everywhere asks the owners of parts and puts the lists of the answers together,
// in the order that one owner's are in; of what is no list one has it. A part that
// knows nothing of what is asked for counts only where all do not, and one that
// cannot answer for all: a list with something missing would be taken for whole.
func (f *front) everywhere(w http.ResponseWriter, r *http.Request, parts []int) {
	var mu sync.Mutex
	var refusal *httptest.ResponseRecorder
	lists, single := map[string][]json.RawMessage{}, map[string]json.RawMessage{}
	answers := 0
	ask := func(part int) {
		answer := httptest.NewRecorder()
		whole := f.ask(answer, r.Clone(r.Context()), part)
		var fields map[string]json.RawMessage
		if answer.Code == http.StatusOK && (!whole || json.Unmarshal(answer.Body.Bytes(), &fields) != nil) {
			answer = httptest.NewRecorder()
			f.moving(answer) // it has broken off
		}
		mu.Lock()
		defer mu.Unlock()
		if answer.Code != http.StatusOK {
			if refusal == nil || refusal.Code == http.StatusNotFound {
				refusal = answer
			}
			return
		}
		if answers++; answers == 1 {
			header(w, answer.Header())
		}
		for name, raw := range fields {
			var list []json.RawMessage
			if json.Unmarshal(raw, &list) != nil {
				single[name] = raw
				continue
			}
			if lists[name] == nil {
				lists[name] = []json.RawMessage{}
			}
			for _, one := range list {
				// Some are in the store that all share, such as sessions: an owner
				// tells of its own tenants.
				var of struct{ Tenant screenpop.Tenant }
				if json.Unmarshal(one, &of) != nil || of.Tenant == "" || f.partOf(of.Tenant) == part {
					lists[name] = append(lists[name], one)
				}
			}
		}
	}
	var wg sync.WaitGroup
	for _, part := range parts {
		wg.Go(func() { ask(part) })
	}
	wg.Wait()
	if refusal != nil && (answers == 0 || refusal.Code != http.StatusNotFound) {
		header(w, refusal.Header())
		w.WriteHeader(refusal.Code)
		_, _ = w.Write(refusal.Body.Bytes())
		return
	}
	whole := map[string]any{}
	for name, raw := range single {
		whole[name] = raw
	}
	for name, list := range lists {
		whole[name] = ordered(list)
	}
	writeAnswer(w, whole)
}

// ask is to in a goroutine of its own, where an answer that breaks off may not be a
// panic as it is for a server. whole is false then.
func (f *front) ask(w http.ResponseWriter, r *http.Request, part int) (whole bool) {
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			panic(p)
		}
	}()
	f.to(w, r, part, nil)
	return true
}

// header has an answer begin as another.
func header(w http.ResponseWriter, of http.Header) {
	maps.Copy(w.Header(), of)
	w.Header().Del("Content-Length")
}

// ordered puts the rows of several answers into the order that those of one have:
// sessions the latest first, what has another time the earliest first, agents and
// directories by tenant.
func ordered(list []json.RawMessage) []json.RawMessage {
	type row struct {
		raw json.RawMessage
		screenpop.AgentID
		LastSeen time.Time `json:"last_seen"`
		Time     time.Time
		Since    time.Time
		Began    time.Time
	}
	rows := make([]row, len(list))
	for i, raw := range list {
		_ = json.Unmarshal(raw, &rows[i])
		rows[i].raw = raw
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(b.LastSeen.Compare(a.LastSeen), a.Time.Compare(b.Time), a.Since.Compare(b.Since), a.Began.Compare(b.Began),
			cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(len(a.Extension), len(b.Extension)), cmp.Compare(a.Extension, b.Extension))
	})
	for i := range rows {
		list[i] = rows[i].raw
	}
	return list
}

func writeAnswer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v)
}

// everybody is the directory of all tenants, for who signs in before it is known
// of which he is.
type everybody struct{ *member }

func (e *everybody) Agents() []screenpop.Agent { return e.ask(url.Values{}) }

func (e *everybody) Agent(id screenpop.AgentID) (screenpop.Agent, bool) {
	for _, a := range e.ask(url.Values{"tenant": {string(id.Tenant)}, "extension": {string(id.Extension)}}) {
		if a.AgentID == id {
			return a, true
		}
	}
	return screenpop.Agent{}, false
}

func (e *everybody) ask(q url.Values) []screenpop.Agent {
	ctx, cancel := context.WithTimeout(context.Background(), ownerTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://smokepop/v1/agents?"+q.Encode(), nil)
	if err != nil {
		return nil
	}
	answer := httptest.NewRecorder()
	e.admins.ServeHTTP(answer, r)
	var out struct{ Agents []screenpop.Agent }
	if answer.Code != http.StatusOK || json.Unmarshal(answer.Body.Bytes(), &out) != nil {
		return nil
	}
	return out.Agents
}
