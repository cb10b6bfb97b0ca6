package simulator

import "maps"

// wire turns records into what the API answers. base is the API's address as
// the caller sees it; rel is the key of a link's relation: the real wire has
// "rel" where the official description has "relation".
type wire struct{ base, rel string }

func (w wire) link(path, id, relation string) map[string]any {
	m := map[string]any{"href": w.base + path + id}
	if id != "" {
		m["id"] = id
	}
	if relation != "" {
		m[w.rel] = relation
	}
	return m
}

func (w wire) links(path, relation string, ids []string) []any {
	out := make([]any, 0, len(ids))
	for _, id := range ids {
		out = append(out, w.link(path, id, relation))
	}
	return out
}

func (b Blanks) text(m map[string]any, key, value string) {
	switch {
	case value != "":
		m[key] = value
	case b == BlankEmpty:
		m[key] = ""
	case b == BlankNull:
		m[key] = nil
	}
}

func (b Blanks) phone(m map[string]any, key string, p Phone) {
	out := map[string]any{}
	switch {
	case p == Phone{} && b == BlankMissing:
		return
	case p == Phone{} && b == BlankNull:
		m[key] = nil
		return
	case p == Phone{} && b == BlankObject:
	default:
		b.text(out, "areaCode", p.AreaCode)
		b.text(out, "number", p.Number)
		if key == "phone2" {
			b.text(out, "extension", p.Extension)
		}
	}
	m[key] = out
}

func (b Blanks) address(m map[string]any, key string, a Address) {
	if a == (Address{}) {
		return
	}
	out := map[string]any{}
	b.text(out, "addressLine1", a.Line1)
	b.text(out, "city", a.City)
	b.text(out, "state", a.State)
	b.text(out, "zipCode", a.ZipCode)
	b.text(out, "country", a.Country)
	m[key] = out
}

func (w wire) contact(c *Contact) any {
	if c.Raw != nil {
		return c.Raw
	}
	m := map[string]any{
		"href": w.base + "/contacts/" + c.ID, "id": c.ID, "versionId": c.VersionID,
		"isDeleted": c.Deleted, "lastUpdated": c.LastUpdated,
	}
	maps.Copy(m, w.body(c))
	return m
}

func (w wire) body(c *Contact) map[string]any {
	b, m := c.Blanks, map[string]any{}
	switch {
	case c.Person != nil:
		p := c.Person
		b.text(m, "title", p.Title)
		b.text(m, "firstName", p.FirstName)
		b.text(m, "middleName", p.MiddleName)
		b.text(m, "lastName", p.LastName)
		b.text(m, "nameSuffix", p.NameSuffix)
		b.text(m, "customName", p.CustomName)
		b.text(m, "email", p.Email)
		b.text(m, "occupation", p.Occupation)
		b.phone(m, "phone", p.Phone)
		b.phone(m, "phone2", p.Phone2)
		b.phone(m, "cell", p.Cell)
		b.phone(m, "fax", p.Fax)
		b.address(m, "residentialAddress", p.Address)
		return map[string]any{"person": m}
	case c.Company != nil:
		o := c.Company
		b.text(m, "name", o.Name)
		b.text(m, "type", o.Type)
		b.text(m, "tradingName", o.TradingName)
		b.text(m, "doingBusinessAsName", o.DoingBusinessAs)
		b.text(m, "email", o.Email)
		b.text(m, "website", o.Website)
		b.phone(m, "phone", o.Phone)
		b.phone(m, "fax", o.Fax)
		b.address(m, "businessAddress", o.Address)
		m["staff"], m["directors"] = w.links("/contacts/", "Contacts", o.Staff), []any{}
		m["staffIds"] = append([]string{}, o.Staff...)
		return map[string]any{"company": m}
	case c.Trust != nil:
		t := c.Trust
		b.text(m, "name", t.Name)
		b.text(m, "status", t.Status)
		b.text(m, "trustNumber", t.Number)
		b.phone(m, "phone", t.Phone)
		b.phone(m, "fax", t.Fax)
		trustees := []any{}
		for _, one := range t.Trustees {
			trustees = append(trustees, map[string]any{"name": one.Name, "type": one.Type})
		}
		m["trustees"], m["contacts"] = trustees, w.links("/contacts/", "Contacts", t.Contacts)
		return map[string]any{"trust": m}
	case c.Group != nil:
		g := c.Group
		b.text(m, "name", g.Name)
		b.address(m, "residentialAddress", g.Address)
		people := []any{}
		for _, id := range g.People {
			one := map[string]any{"href": w.base + "/contacts/" + id}
			if !g.HrefOnly {
				one["id"] = id
			}
			people = append(people, one)
		}
		m["people"] = people
		return map[string]any{"groupOfPeople": m}
	}
	return m
}
