package simulator

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

func (s *Smokeball) searchMatters(w http.ResponseWriter, r *http.Request, by caller) {
	q, name, err := s.readQuery(r, "offset", "limit", "search", "mattertypeid", "contactid", "status", "islead", "type", "updatedsince", "lastupdated", "sort", "fields")
	if err != nil {
		invalid(w, r, name, err.Error())
		return
	}
	if by.staff.NoMatters {
		problem(w, r, http.StatusForbidden, "Forbidden", "You do not have access to matters.")
		return
	}
	for _, one := range q["status"] {
		if !slices.ContainsFunc([]string{"Open", "Pending", "Closed", "Deleted", "Cancelled"}, func(k string) bool { return strings.EqualFold(k, one) }) {
			invalid(w, r, "Status", "there is no such status")
			return
		}
	}
	if id := q.get("contactid"); id != "" && !uuidShape.MatchString(id) {
		invalid(w, r, "ContactId", "must be a UUID")
		return
	}
	sorting, err := parseOrder(q.get("sort"), "number", "title", "status", "openeddate")
	if err != nil {
		invalid(w, r, "Sort", err.Error())
		return
	}
	s.mu.Lock()
	all := s.matters
	s.mu.Unlock()
	var found []Matter
	for _, m := range all {
		if s.shows(m, q, by) {
			found = append(found, m)
		}
	}
	if sorting.field != "" {
		slices.SortStableFunc(found, func(a, b Matter) int {
			return sorting.apply(cmp.Compare(a.sortKey(sorting.field), b.sortKey(sorting.field)))
		})
	}
	on := s.wire(r)
	page(w, r, q, on, found, func(m Matter) any { return on.matter(m) })
}

func (s *Smokeball) shows(m Matter, q query, by caller) bool {
	if len(m.OnlyFor) > 0 && !slices.Contains(m.OnlyFor, by.staff.ID) {
		return false
	}
	if id := strings.ToLower(q.get("contactid")); id != "" && !slices.Contains(m.Clients, id) &&
		!(s.opts.MattersOfOtherSides && slices.Contains(m.OtherSides, id)) {
		return false
	}
	if len(q["status"]) > 0 && !slices.ContainsFunc(q["status"], func(k string) bool { return strings.EqualFold(k, m.Status) }) {
		return false
	}
	kinds := strings.ToLower(q.get("type"))
	if kinds != "" && !strings.Contains(kinds, map[bool]string{true: "leads", false: "matters"}[m.Lead]) {
		return false
	}
	text := strings.ToLower(q.get("search"))
	return strings.Contains(strings.ToLower(m.Number+" "+m.Title+" "+m.Description), text)
}

func (m Matter) sortKey(field string) string {
	switch field {
	case "number":
		return m.Number
	case "title":
		return m.Title
	case "status":
		return m.Status
	}
	return m.Opened
}

func (w wire) matter(m Matter) map[string]any {
	out := map[string]any{
		"href": w.base + "/matters/" + m.ID, "id": m.ID, "versionId": newID(m.ID, "version"),
		"number": m.Number, "title": m.Title, "status": m.Status, "isLead": m.Lead, "openedDate": m.Opened,
		"clients": w.links("/contacts/", "Contacts", m.Clients), "otherSides": w.links("/contacts/", "Contacts", m.OtherSides),
	}
	if m.Description != "" {
		out["description"] = m.Description
	}
	if m.Responsible != "" {
		out["personResponsible"] = w.link("/staff/", m.Responsible, "Staff")
	}
	return out
}
