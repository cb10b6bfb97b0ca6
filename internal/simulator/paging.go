package simulator

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// query is a request's parameters by lower-case name, in which Smokeball's
// documentation and description disagree.
type query map[string][]string

// readQuery returns the parameters, or the name of one the endpoint does not
// have and why.
func (s *Smokeball) readQuery(r *http.Request, known ...string) (query, string, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, "query", err
	}
	q := query{}
	for name, v := range values {
		lower := strings.ToLower(name)
		if !s.opts.Lenient && !slices.Contains(known, lower) {
			return nil, name, fmt.Errorf("no such parameter")
		}
		q[lower] = append(q[lower], v...)
	}
	return q, "", nil
}

func (q query) get(name string) string {
	if v := q[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (q query) bool(name string) (bool, error) {
	if q.get(name) == "" {
		return false, nil
	}
	return strconv.ParseBool(strings.ToLower(q.get(name)))
}

func (q query) number(name string, fallback, low, high int) (int, error) {
	if len(q[name]) == 0 {
		return fallback, nil
	}
	n, err := strconv.Atoi(q.get(name))
	if err == nil && (n < low || n > high) {
		err = fmt.Errorf("must be between %d and %d", low, high)
	}
	return n, err
}

// page answers with one page of a list in Smokeball's envelope: no next on the
// last page, no previous on the first, links in lower case.
func page[T any](w http.ResponseWriter, r *http.Request, q query, on wire, all []T, render func(T) any) {
	limit, err := q.number("limit", 500, 1, 500)
	if err != nil {
		invalid(w, r, "Limit", err.Error())
		return
	}
	offset, err := q.number("offset", 0, 0, 1<<31-1)
	if err != nil {
		invalid(w, r, "Offset", err.Error())
		return
	}
	link := func(at int) map[string]any {
		v := url.Values{}
		for name, values := range q {
			if name != "limit" && name != "offset" {
				v[name] = values
			}
		}
		if at > 0 {
			v.Set("limit", strconv.Itoa(limit))
			v.Set("offset", strconv.Itoa(at))
		} else if len(q["limit"]) > 0 {
			v.Set("limit", strconv.Itoa(limit))
		}
		href := on.base + r.URL.Path
		if len(v) == 0 {
			return map[string]any{"href": href}
		}
		return map[string]any{"href": href + "?" + v.Encode(), on.rel: "collection"}
	}
	from := min(offset, len(all))
	to := min(from+limit, len(all))
	values := make([]any, 0, to-from)
	for _, one := range all[from:to] {
		values = append(values, render(one))
	}
	m := map[string]any{
		"href": on.base + r.URL.Path, "offset": offset, "limit": limit, "size": len(all),
		"first": link(0), "last": link(max(0, (len(all)-1)/limit*limit)), "value": values,
	}
	if to < len(all) {
		m["next"] = link(offset + limit)
	}
	if offset > 0 {
		m["previous"] = link(max(0, offset-limit))
	}
	writeJSON(w, "application/json", http.StatusOK, m)
}

// order is a Sort parameter: "field", "asc(field)" or "desc(field)".
type order struct {
	field      string
	descending bool
}

func parseOrder(s string, fields ...string) (order, error) {
	o := order{field: strings.ToLower(s)}
	for _, wrap := range []string{"asc", "desc"} {
		if inner, ok := strings.CutPrefix(o.field, wrap+"("); ok {
			if inner, ok = strings.CutSuffix(inner, ")"); ok {
				o = order{inner, wrap == "desc"}
				break
			}
		}
	}
	if s != "" && !slices.Contains(fields, o.field) {
		return order{}, fmt.Errorf("%q cannot be sorted by: available are %s", s, strings.Join(fields, ", "))
	}
	return o, nil
}

func (o order) apply(compare int) int {
	if o.descending {
		return -compare
	}
	return compare
}
