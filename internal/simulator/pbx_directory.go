package simulator

import (
	"encoding/json"
	"net/http"
	"slices"
)

// DirectoryShape is how a PBX tells of its accounts; it has changed by version.
type DirectoryShape string

// The shapes.
const (
	// Directory67 has user lists with a name for each account.
	Directory67 DirectoryShape = "67"
	// Directory69 has user lists that say display instead of name, and the
	// newer lists beside them.
	Directory69 DirectoryShape = "69"
	// Directory70 has the newer lists alone.
	Directory70 DirectoryShape = "70"
	// Directory2020 has user lists whose items name the account "name" and the
	// person "displayname".
	Directory2020 DirectoryShape = "2020"
)

// DirectoryShapes lists every shape.
func DirectoryShapes() []DirectoryShape {
	return []DirectoryShape{Directory67, Directory69, Directory70, Directory2020}
}

// listKinds are the kinds of user lists.
func listKinds() []string {
	return []string{"extensions", "hunts", "acds", "aas", "ivrnodes", "srvflags", "confrooms", "parkorbits", "paginggroups", "callingcards"}
}

// listKind is the user list an account is in.
func (a Account) listKind() string {
	switch a.Kind {
	case "ringgroup":
		return "hunts"
	case "queue":
		return "acds"
	case "attendant":
		return "aas"
	}
	return "extensions"
}

func (p *PBX) accounts(kind string) []Account {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(p.opts.Firm.Directory(), func(a Account) bool {
		return kind != "" && a.listKind() != kind || slices.Contains(p.removed, a.Number)
	})
}

// RemoveAccount takes an account out of the directory from now on, as when
// somebody leaves the firm.
func (p *PBX) RemoveAccount(number string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.removed = append(p.removed, number)
}

func (p *PBX) userlist(w http.ResponseWriter, r *http.Request) {
	kind := r.PathValue("kind")
	if p.opts.Directory == Directory70 || !slices.Contains(listKinds(), kind) {
		noSuchThing(w)
		return
	}
	list := []map[string]any{}
	for _, a := range p.accounts(kind) {
		switch p.opts.Directory {
		case Directory2020:
			list = append(list, map[string]any{
				"name": a.Number, "alias": []string{a.Number}, "ani": []string{}, "displayname": a.Name, "icon": false, "dnd": false,
				"chatstatus": "", "connected": false, "login": false, "department": "", "position": "", "registered": true,
			})
		case Directory69:
			list = append(list, map[string]any{"account": a.Number, "display": a.Name})
		default:
			list = append(list, map[string]any{"account": a.Number, "name": a.Name})
		}
	}
	tell(w, map[string]any{"action": "domain-list", "accounts": list})
}

func (p *PBX) hasLists() bool {
	return p.opts.Directory == Directory69 || p.opts.Directory == Directory70
}

func (p *PBX) extensionList(w http.ResponseWriter, r *http.Request) {
	if !p.hasLists() {
		noSuchThing(w)
		return
	}
	list := []map[string]any{}
	for _, a := range p.accounts("extensions") {
		if only := r.URL.Query().Get("account"); only != "" && only != a.Number {
			continue
		}
		list = append(list, map[string]any{
			"account": a.Number, "display": a.Name, "alias": []string{a.Number, "9" + a.Number}, "mac": []string{}, "dnd": "false",
			"registered": true, "lines": 2,
		})
	}
	tell(w, list)
}

func (p *PBX) users(w http.ResponseWriter, _ *http.Request) {
	if !p.hasLists() {
		noSuchThing(w)
		return
	}
	list := []map[string]any{}
	for _, a := range p.accounts("") {
		list = append(list, map[string]any{"account": a.Number, "name": a.Name, "type": a.listKind()})
	}
	tell(w, list)
}

// PBXGroup is a group of accounts: those in Specific, or all but Except.
type PBXGroup struct {
	ID, Name         string
	Specific, Except []string
}

// groupsOf returns the firm's groups as the PBX has them.
func groupsOf(f *Firm) []PBXGroup {
	var out []PBXGroup
	for _, a := range f.Agents {
		for _, g := range a.Groups {
			i := slices.IndexFunc(out, func(o PBXGroup) bool { return o.Name == g })
			if i < 0 {
				out = append(out, PBXGroup{ID: g, Name: g})
				i = len(out) - 1
			}
			out[i].Specific = append(out[i].Specific, a.Extension)
		}
	}
	if len(f.Agents) > 0 {
		out = append(out, PBXGroup{ID: "all-but-first", Name: "Everybody else", Except: []string{f.Agents[0].Extension}})
	}
	return out
}

func (p *PBX) groups(w http.ResponseWriter, r *http.Request) {
	list := []map[string]string{}
	for _, g := range p.opts.Groups {
		members := map[string][]string{"specific": g.Specific}
		if g.Except != nil {
			members = map[string][]string{"except": g.Except}
		}
		b, _ := json.Marshal(members) // of strings: cannot fail
		item := map[string]string{"id": g.ID, "name": g.Name, "members": string(b)}
		if only := r.URL.Query().Get("group"); only == g.ID {
			tell(w, item)
			return
		}
		list = append(list, item)
	}
	if r.URL.Query().Has("group") {
		noSuchThing(w)
		return
	}
	tell(w, list)
}

func (p *PBX) starCodes(w http.ResponseWriter, _ *http.Request, _ string) {
	tell(w, map[string]string{
		"code_redial": "*66", "code_return": "*69", "code_transfer": "*77", "code_dnd_on": "*78", "code_dnd_off": "*79",
		"code_park": "*85", "code_retrieve": "*86", "code_pickup": "*87", "code_vm": "*97", "code_record": "*98", "code_page": "",
	})
}
