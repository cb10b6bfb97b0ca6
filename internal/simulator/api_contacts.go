package simulator

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func (s *Smokeball) searchContacts(w http.ResponseWriter, r *http.Request, _ caller) {
	q, name, err := s.readQuery(r, "offset", "limit", "search", "updatedsince", "excludedeletedcontacts", "type", "sort", "fields")
	if err != nil {
		invalid(w, r, name, err.Error())
		return
	}
	var terms []term
	for _, one := range q["search"] {
		t, err := parseTerm(one, "email", "phone", "name")
		if err != nil {
			invalid(w, r, "Search", err.Error())
			return
		}
		terms = append(terms, t)
	}
	live, err := q.bool("excludedeletedcontacts")
	if err != nil {
		invalid(w, r, "ExcludeDeletedContacts", "must be true or false")
		return
	}
	var since int64
	if v := q.get("updatedsince"); v != "" {
		if since, err = strconv.ParseInt(v, 10, 64); err != nil {
			invalid(w, r, "UpdatedSince", "must be ticks")
			return
		}
	}
	for _, kind := range q["type"] {
		if !slices.Contains([]string{"staff", "person", "organisation", "groupofpeople", "trust"}, strings.ToLower(kind)) {
			invalid(w, r, "Type", "there is no such type of contact")
			return
		}
	}
	sorting, err := parseOrder(q.get("sort"), "lastupdated")
	if err != nil {
		invalid(w, r, "Sort", err.Error())
		return
	}
	found := slices.DeleteFunc(s.book.find(terms), func(c *Contact) bool {
		wrongKind := len(q["type"]) > 0 && !slices.ContainsFunc(q["type"], func(k string) bool { return strings.EqualFold(k, c.Kind()) })
		return live && c.Deleted || c.LastUpdated < since || wrongKind
	})
	if sorting.field != "" {
		slices.SortStableFunc(found, func(a, b *Contact) int { return sorting.apply(cmp.Compare(a.LastUpdated, b.LastUpdated)) })
	}
	on := s.wire(r)
	page(w, r, q, on, found, on.contact)
}

var uuidShape = regexp.MustCompile(`(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (s *Smokeball) oneContact(w http.ResponseWriter, r *http.Request, _ caller) {
	c, ok := s.book.get(strings.ToLower(r.PathValue("id")))
	if !ok || !uuidShape.MatchString(r.PathValue("id")) {
		notFound(w, r)
		return
	}
	writeJSON(w, "application/json", http.StatusOK, s.wire(r).contact(c))
}
