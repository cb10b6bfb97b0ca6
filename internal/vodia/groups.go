package vodia

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// Groups returns the tenant's groups of accounts with their members.
func (c *Client) Groups(ctx context.Context) ([]Group, error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	return c.groups(ctx)
}

func (c *Client) groups(ctx context.Context) ([]Group, error) {
	const doing = "list the groups of the PBX"
	path := c.path("/rest/domain/{domain}/groups", "")
	body, err := c.get(ctx, doing, path)
	if err != nil {
		return nil, err
	}
	list, ok := decodeGroups(body)
	if !ok {
		return nil, &Error{Kind: Broken, Status: 200, doing: doing, text: "the PBX's list of groups has a shape that is not known"}
	}
	for i, g := range list {
		if g.Specific != nil || g.Except != nil {
			continue
		}
		if err := c.politely(ctx, doing); err != nil {
			return nil, err
		}
		body, err := c.get(ctx, doing, path+"?group="+url.QueryEscape(g.ID))
		if is(err, NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list[i] = decodeGroup(body, g)
	}
	return list, nil
}

// decodeGroups reads a list of groups: whole ones, their ids, or an object by
// id.
func decodeGroups(b []byte) ([]Group, bool) {
	if o := decodeObject(b); o != nil && len(o["members"]) > 0 { // a single one
		b = append(append([]byte{'['}, b...), ']')
	}
	list, ok := records(b, "groups", "list", "data")
	if !ok {
		return nil, false
	}
	out := make([]Group, 0, len(list))
	for _, r := range list {
		g := Group{ID: firstOf(r.text("id", "group", "group_id"), r.key, r.text("name"))}
		if r.object == nil {
			if g.ID == "" {
				g.ID = plain(r.value)
			}
			g.Name = g.ID
			if r.key != "" {
				g.Name = firstOf(plain(r.value), g.ID)
			}
		} else {
			g.Name = firstOf(r.text("display", "name", "display_name", "title"), g.ID)
			g.Specific, g.Except = members(r.object["members"])
		}
		if g.ID != "" {
			out = append(out, g)
		}
	}
	slices.SortStableFunc(out, func(a, b Group) int { return strings.Compare(a.ID, b.ID) })
	return slices.CompactFunc(out, func(a, b Group) bool { return a.ID == b.ID }), true
}

// decodeGroup reads the answer about one group.
func decodeGroup(b []byte, g Group) Group {
	o := decodeObject(b)
	if isList(b) {
		if list, _ := records(b); len(list) == 1 {
			o = list[0].object
		}
	}
	if o == nil {
		return g
	}
	for _, name := range []string{"group", g.ID, "data"} { // wrapped
		if inner := decodeObject(o[fold(name)]); inner != nil {
			o = inner
		}
	}
	g.Specific, g.Except = members(o["members"])
	g.Name = firstOf(o.text("display", "name", "display_name", "title"), g.Name)
	return g
}

// members reads {"specific":[...]} or {"except":[...]}, as JSON or as a string
// that holds it; a bare list is specific.
func members(b json.RawMessage) (specific, except []string) {
	var inner string
	if json.Unmarshal(b, &inner) == nil {
		b = json.RawMessage(inner)
	}
	if isList(b) {
		return notNil(texts(b)), nil
	}
	o := decodeObject(b)
	if v, ok := o["specific"]; ok {
		specific = notNil(texts(v))
	}
	if v, ok := o["except"]; ok {
		except = notNil(texts(v))
	}
	return specific, except
}

// notNil keeps a list that was given empty apart from one that was not given.
func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
