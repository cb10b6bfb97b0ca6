package vodia

import (
	"context"
)

// Accounts returns the tenant's accounts with the e-mails that could be read.
// It is Directory without groups and gaps.
func (c *Client) Accounts(ctx context.Context) ([]Account, error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	var d Directory
	if err := c.readAccounts(ctx, &d); err != nil {
		return nil, err
	}
	return d.Accounts, nil
}

// Directory reads accounts, e-mails and groups. It fails only when the
// extensions cannot be listed, or the PBX stops accepting the password; what
// else cannot be read is a Gap.
func (c *Client) Directory(ctx context.Context) (Directory, error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	var d Directory
	if err := c.readAccounts(ctx, &d); err != nil {
		return Directory{}, err
	}
	groups, err := c.groups(ctx)
	if is(err, BadCredentials) || canceled(ctx, err) {
		return Directory{}, err
	}
	if err != nil {
		d.Gaps = append(d.Gaps, Gap{Part: "groups", Err: err})
	}
	d.Groups = groups
	return d, nil
}

func (c *Client) readAccounts(ctx context.Context, d *Directory) error {
	shape, list, err := c.extensions(ctx)
	if err != nil {
		return err
	}
	d.Shape, d.Accounts = shape, list
	if err := c.readOthers(ctx, d); err != nil {
		return err
	}
	d.Accounts = dedupe(d.Accounts)
	if err := c.readEmails(ctx, d); err != nil {
		return err
	}
	for i, a := range d.Accounts {
		if a.Kind == untold {
			d.Accounts[i].Kind = Other
		}
	}
	return nil
}

// extensions lists the tenant's extensions in the first shape the PBX has.
func (c *Client) extensions(ctx context.Context) (Shape, []Account, error) {
	const doing = "list the extensions of the PBX"
	var firstError error
	for _, s := range []struct {
		shape     Shape
		path      string
		otherwise AccountKind
	}{
		{ShapeUserList, "/rest/domain/{domain}/userlist/extensions", Extension},
		{ShapeExtensions, "/rest/domain/{domain}/extensions", Extension},
		{ShapeUsers, "/rest/domain/{domain}/users", untold},
	} {
		body, err := c.get(ctx, doing, c.path(s.path, ""))
		if err == nil {
			if list, ok := decodeAccounts(body, c.cfg.Domain, s.otherwise, c.cfg.EmailFields); ok {
				return s.shape, list, nil
			}
			err = &Error{Kind: Broken, Status: 200, doing: doing, text: "the PBX's list has a shape that is not known: import the agents from a file instead"}
		}
		if firstError == nil {
			firstError = err
		}
		if !is(err, NotFound, NotAPBX, Refused, Broken) || failed(err) {
			return "", nil, err // the other shapes would fare no better
		}
	}
	return "", nil, firstError
}

// readOthers adds ring groups, queues and the like. A list the PBX does not
// have is no gap.
func (c *Client) readOthers(ctx context.Context, d *Directory) error {
	type part struct {
		name, path string
		kind       AccountKind
	}
	var parts []part
	switch d.Shape {
	case ShapeUserList:
		for _, l := range lists[1:] {
			parts = append(parts, part{l.name, "/rest/domain/{domain}/userlist/" + l.name, l.kind})
		}
	case ShapeExtensions:
		parts = append(parts, part{"users", "/rest/domain/{domain}/users", Other})
	}
	for _, p := range parts {
		doing := "list the " + p.name + " of the PBX"
		body, err := c.get(ctx, doing, c.path(p.path, ""))
		var list []Account
		if err == nil {
			var ok bool
			if list, ok = decodeAccounts(body, c.cfg.Domain, p.kind, c.cfg.EmailFields); !ok {
				err = &Error{Kind: Broken, Status: 200, doing: doing, text: "the PBX's list has a shape that is not known"}
			}
		}
		switch {
		case is(err, BadCredentials), canceled(ctx, err):
			return err
		case is(err, NotFound):
		case err != nil:
			d.Gaps = append(d.Gaps, Gap{Part: p.name, Err: err})
			if is(err, Timeout, Unreachable) {
				return nil // the rest would fare no better
			}
		}
		d.Accounts = append(d.Accounts, list...)
	}
	return nil
}
