package simulator

import (
	"net/http"
	"slices"
	"strings"
)

func (s *Smokeball) searchStaff(w http.ResponseWriter, r *http.Request, _ caller) {
	q, name, err := s.readQuery(r, "offset", "limit", "search", "fields")
	if err != nil {
		invalid(w, r, name, err.Error())
		return
	}
	var terms []term
	for _, one := range q["search"] {
		t, err := parseTerm(one, "email", "name")
		if err != nil {
			invalid(w, r, "Search", err.Error())
			return
		}
		terms = append(terms, t)
	}
	var found []*Staff
	for i := range s.opts.Firm.Staff {
		if p := &s.opts.Firm.Staff[i]; !slices.ContainsFunc(terms, func(t term) bool { return !p.matches(t) }) {
			found = append(found, p)
		}
	}
	on := s.wire(r)
	page(w, r, q, on, found, func(p *Staff) any { return on.staff(p) })
}

func (p *Staff) matches(t term) bool {
	value := p.Email
	if t.field == "name" {
		value = p.Name()
	}
	return wildcard(t.value).matches(strings.ToLower(value)) != t.not
}

func (w wire) staff(p *Staff) map[string]any {
	out := map[string]any{
		"href": w.base + "/staff/" + p.ID, "id": p.ID, "versionId": newID(p.ID, "version"),
		"firstName": p.FirstName, "lastName": p.LastName, "email": p.Email, "role": p.Role,
		"cell": map[string]any{}, "former": p.Former, "enabled": !p.Disabled && !p.Former,
	}
	if p.UserID != "" {
		out["userId"] = p.UserID
	}
	return out
}

func (s *Smokeball) oneStaff(w http.ResponseWriter, r *http.Request, _ caller) {
	p := s.opts.Firm.staff(func(p *Staff) bool { return p.ID == strings.ToLower(r.PathValue("id")) })
	if p == nil {
		notFound(w, r)
		return
	}
	writeJSON(w, "application/json", http.StatusOK, s.wire(r).staff(p))
}

// firmUser finds a user by staff id or by user id.
func (s *Smokeball) firmUser(w http.ResponseWriter, r *http.Request, _ caller) {
	id := strings.ToLower(r.PathValue("id"))
	p := s.opts.Firm.staff(func(p *Staff) bool { return p.UserID != "" && (p.ID == id || p.UserID == id) })
	if p == nil {
		notFound(w, r)
		return
	}
	writeJSON(w, "application/json", http.StatusOK, map[string]any{
		"href": s.wire(r).base + "/firmusers/" + p.UserID, "id": p.UserID,
		"staffId": p.ID, "userId": p.UserID, "isFormerUser": p.Former,
	})
}

func (s *Smokeball) oneUser(w http.ResponseWriter, r *http.Request, _ caller) {
	id := strings.ToLower(r.PathValue("id"))
	if !uuidShape.MatchString(id) {
		invalid(w, r, "id", "must be a UUID")
		return
	}
	p := s.opts.Firm.staff(func(p *Staff) bool { return p.UserID == id })
	if p == nil {
		notFound(w, r)
		return
	}
	writeJSON(w, "application/json", http.StatusOK, map[string]any{
		"href": s.wire(r).base + "/users/" + p.UserID, "id": p.UserID, "userId": p.UserID, "email": p.Email,
		"isInternal": false, "bypassMfa": false,
	})
}

func (s *Smokeball) firm(w http.ResponseWriter, r *http.Request, _ caller) {
	f := s.opts.Firm
	writeJSON(w, "application/json", http.StatusOK, map[string]any{
		"href": s.wire(r).base + "/firm", "id": f.ID, "versionId": newID(f.ID, "version"), "owner": "Smokeball", "name": f.Name,
		"phone": map[string]any{"areaCode": "", "number": f.Main.Domestic()},
	})
}
