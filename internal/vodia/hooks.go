package vodia

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

const tenantHooksPath = "/rest/domain/{domain}/actionurl_settings"

// Hooks returns the webhooks that are set at level, by the name of the
// setting: ours and those of others.
func (c *Client) Hooks(ctx context.Context, level Level) (map[string]Hook, error) {
	doing := "read the webhooks of " + level.String()
	path, err := c.hooksPath(ctx, doing, level)
	if err != nil {
		return nil, err
	}
	body, err := c.get(ctx, doing, path)
	if err != nil {
		return nil, err
	}
	hooks, ok := decodeHooks(body)
	if !ok {
		return nil, &Error{Kind: Broken, Status: 200, doing: doing, text: "the settings have a shape that is not known: set the webhooks by hand"}
	}
	return hooks, nil
}

// SetHooks makes the webhooks at level those of want, in one request; a zero
// Hook takes one off. Settings that want does not name stay as they are, and
// nothing is sent when there is nothing to change. Afterwards they are read
// again: an error of kind Refused tells of what the PBX did not keep.
//
// What stands there is read first. A webhook that is set, differs, and is not
// mine is somebody else's: then nothing is written, and the error is of kind
// Foreign. A nil mine overwrites nothing.
func (c *Client) SetHooks(ctx context.Context, level Level, want map[string]Hook, mine func(name string, there Hook) bool) error {
	doing := "write the webhooks of " + level.String()
	for name := range want {
		if !hookName(name) {
			return &Error{Kind: Invalid, doing: doing, text: "a setting that is no webhook is not written"}
		}
	}
	there, err := c.Hooks(ctx, level)
	if err != nil {
		return err
	}
	type setting struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	var list []setting
	flat := map[string]string{}
	var foreign []string
	for _, name := range sortedKeys(want) {
		now, set := there[name]
		hook := want[name]
		if !hook.Set() {
			hook = Hook{}
		}
		if hook.identical(now) {
			continue
		}
		if set && !hook.Same(now) && (mine == nil || !mine(name, now)) {
			foreign = append(foreign, name)
			continue
		}
		value := hook.setting()
		list = append(list, setting{name, value})
		flat[name] = value
	}
	if len(foreign) > 0 {
		return &Error{Kind: Foreign, doing: doing,
			text: fmt.Sprintf("%s is set to something else already: take it off on the PBX, or say that it may be replaced", strings.Join(foreign, ", "))}
	}
	if len(list) == 0 {
		return nil
	}
	path, err := c.hooksPath(ctx, doing, level)
	if err != nil {
		return err
	}
	table := c.cfg.AccountHooksTable
	if level == Tenant {
		table = "domains"
	}
	var body any = flat
	if table != "" {
		body = struct {
			Table    string    `json:"table"`
			Settings []setting `json:"settings"`
		}{table, list}
	}
	if _, err = c.post(ctx, doing, path, body); err != nil {
		return err
	}
	return c.keptHooks(ctx, level, want)
}

// keptHooks reads the webhooks again: where a PBX keeps an account's is not
// documented, and one that ignores what it does not know says nothing.
func (c *Client) keptHooks(ctx context.Context, level Level, want map[string]Hook) error {
	there, err := c.Hooks(ctx, level)
	if err != nil {
		return err
	}
	var lost []string
	for _, name := range sortedKeys(want) {
		if there[name].Set() != want[name].Set() || want[name].Set() && !want[name].Same(there[name]) {
			lost = append(lost, name)
		}
	}
	if len(lost) > 0 {
		return &Error{Kind: Refused, Status: http.StatusOK, doing: "write the webhooks of " + level.String(),
			text: fmt.Sprintf("the PBX took %s and does not keep it: set it by hand", strings.Join(lost, ", "))}
	}
	return nil
}

// hooksPath returns where a level's webhooks are, and waits its turn for those
// of an account.
func (c *Client) hooksPath(ctx context.Context, doing string, level Level) (string, error) {
	if level == Tenant {
		return c.path(tenantHooksPath, ""), nil
	}
	if !pathSafe(string(level)) {
		return "", &Error{Kind: Invalid, doing: doing, text: "this is no account"}
	}
	return c.path(c.cfg.AccountHooksPath, string(level)), c.politely(ctx, doing)
}

// String names the level in a sentence.
func (l Level) String() string {
	if l == Tenant {
		return "the tenant"
	}
	return "account " + string(l)
}

func hookName(name string) bool {
	rest, ok := strings.CutPrefix(name, "acturl_")
	return ok && rest != "" && !strings.ContainsFunc(rest, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' })
}
