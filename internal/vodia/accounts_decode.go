package vodia

import (
	"slices"
	"strings"
)

// lists are the kinds of accounts that a user list is asked for by, and what
// answers at them.
var lists = []struct {
	name string
	kind AccountKind
}{
	{"extensions", Extension}, {"hunts", RingGroup}, {"acds", Queue}, {"aas", Attendant}, {"ivrnodes", IVR},
	{"srvflags", Other}, {"confrooms", Other}, {"parkorbits", Other}, {"paginggroups", Other}, {"callingcards", Other},
}

// kindOf reads what an account says it is. Words are those of the user lists,
// in the singular or plural, and their English names.
func kindOf(word string, otherwise AccountKind) AccountKind {
	switch strings.TrimSuffix(strings.ToLower(word), "s") {
	case "extension", "user":
		return Extension
	case "hunt", "huntgroup", "ringgroup":
		return RingGroup
	case "acd", "queue", "agentgroup":
		return Queue
	case "aa", "attendant", "autoattendant":
		return Attendant
	case "ivrnode", "ivr":
		return IVR
	case "":
		return otherwise
	}
	return Other
}

// decodeAccounts reads a list of accounts in any of its shapes; accounts that
// do not say what they are, are of kind otherwise; fields are the names of an
// e-mail.
func decodeAccounts(b []byte, domain string, otherwise AccountKind, fields []string) ([]Account, bool) {
	list, ok := records(b, "accounts", "users", "extensions", "list", "data")
	if !ok {
		return nil, false
	}
	out := make([]Account, 0, len(list))
	for _, r := range list {
		if a, ok := decodeAccount(r, domain, otherwise, fields); ok {
			out = append(out, a)
		}
	}
	return dedupe(out), true
}

func decodeAccount(r record, domain string, otherwise AccountKind, fields []string) (Account, bool) {
	a := Account{Kind: otherwise}
	if r.object == nil { // a bare account, or an account and its name
		a.Extension, a.Name = r.key, plain(r.value)
		if r.key == "" {
			a.Extension, a.Name = a.Name, ""
		}
	} else {
		a.Aliases = r.texts("alias", "aliases", "account_alias")
		a.Extension = firstOf(r.text("account", "extension", "ext", "user"), r.key)
		a.Name = r.text("display", "display_name", "cn")
		if a.Name == "" {
			a.Name = strings.TrimSpace(r.text("first_name", "first") + " " + r.text("last_name", "last"))
		}
		switch name := r.text("name"); {
		case a.Extension == "" && name != "": // the shape of 2020: the name is the account
			a.Extension = name
		case a.Name == "":
			a.Name = name
		}
		if a.Extension == "" && len(a.Aliases) > 0 {
			a.Extension = a.Aliases[0]
		}
		a.Kind = kindOf(r.text("type", "kind", "account_type"), otherwise)
		if a.Email = email(r.object, fields); a.Email != "" && a.Kind == untold {
			a.Kind = Extension
		}
	}
	a.Extension = local(a.Extension, domain)
	if !pathSafe(a.Extension) {
		return Account{}, false
	}
	if a.Name == a.Extension {
		a.Name = ""
	}
	for i := range a.Aliases {
		a.Aliases[i] = local(a.Aliases[i], domain)
	}
	a.Aliases = slices.DeleteFunc(a.Aliases, func(s string) bool { return s == a.Extension || s == "" })
	if len(a.Aliases) == 0 {
		a.Aliases = nil
	}
	return a, true
}

// local takes the tenant off an account.
func local(account, domain string) string {
	name, host, found := strings.Cut(account, "@")
	if found && strings.EqualFold(host, domain) {
		return name
	}
	return account
}

// email returns the first field that holds an address, and of several
// addresses in it the first.
func email(o object, fields []string) string {
	for _, f := range fields {
		for _, s := range o.texts(f) {
			s = strings.Trim(s, "<>")
			if user, host, ok := strings.Cut(s, "@"); ok && user != "" && host != "" && !strings.ContainsAny(host, "@<>") {
				return s
			}
		}
	}
	return ""
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// dedupe keeps one of each extension, the one that says more, by extension.
func dedupe(list []Account) []Account {
	slices.SortStableFunc(list, func(a, b Account) int { return strings.Compare(a.Extension, b.Extension) })
	out := list[:0]
	for _, a := range list {
		if n := len(out); n > 0 && out[n-1].Extension == a.Extension {
			out[n-1] = merged(out[n-1], a)
			continue
		}
		out = append(out, a)
	}
	return out
}

// merged fills what a lacks from b.
func merged(a, b Account) Account {
	if a.Kind == Other || a.Kind == untold {
		a.Kind = b.Kind
	}
	a.Name, a.Email = firstOf(a.Name, b.Name), firstOf(a.Email, b.Email)
	if a.Aliases == nil {
		a.Aliases = b.Aliases
	}
	return a
}
