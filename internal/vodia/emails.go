package vodia

import (
	"context"
	"errors"
	"sync"
)

const (
	// settingsReaders is how many accounts are asked about at once.
	settingsReaders = 4
	// settingsPatience is how many accounts in a row may fail before the rest is
	// left alone.
	settingsPatience = 5
)

// readEmails asks for the settings of each extension that came without an
// e-mail, politely, and leaves a gap for each that could not be read.
func (c *Client) readEmails(ctx context.Context, d *Directory) error {
	caller := ctx
	ctx, stop := context.WithCancel(caller)
	defer stop()
	var (
		mu    sync.Mutex
		row   int // failures since the last answer
		after error
		gaps  = make([]error, len(d.Accounts))
		next  = make(chan int)
		group sync.WaitGroup
	)
	for range settingsReaders {
		group.Go(func() {
			for i := range next {
				a, err := c.settings(ctx, d.Accounts[i])
				mu.Lock()
				switch {
				case after != nil: // given up meanwhile
					if err != nil {
						err = after
					}
				case is(err, BadCredentials):
					after = err
				case err != nil && !is(err, NotFound):
					if row++; row >= settingsPatience || is(err, Forbidden) {
						after = err
					}
				default:
					row = 0
				}
				if after != nil {
					stop()
				}
				d.Accounts[i], gaps[i] = a, err
				mu.Unlock()
			}
		})
	}
	for i, a := range d.Accounts {
		if a.Email != "" || a.Kind != Extension && a.Kind != untold {
			continue
		}
		select {
		case next <- i:
		case <-ctx.Done():
			mu.Lock()
			gaps[i] = after
			if after == nil {
				gaps[i] = c.connectionError(ctx, "read the settings of an account", ctx.Err())
			}
			mu.Unlock()
		}
	}
	close(next)
	group.Wait()
	if is(after, BadCredentials) {
		return after
	}
	if errors.Is(caller.Err(), context.Canceled) {
		return c.connectionError(caller, "read the settings of the accounts", caller.Err())
	}
	for i, err := range gaps {
		if err == nil {
			continue
		}
		d.Gaps = append(d.Gaps, Gap{Extension: d.Accounts[i].Extension, Part: "email", Err: err})
	}
	return nil
}

// settings fills in what an account's own settings say.
func (c *Client) settings(ctx context.Context, a Account) (Account, error) {
	const doing = "read the settings of an account"
	if err := c.politely(ctx, doing); err != nil {
		return a, err
	}
	body, err := c.get(ctx, doing, c.path("/rest/domain/{domain}/user_settings/{account}", a.Extension))
	if err != nil {
		return a, err
	}
	o := decodeSettings(body)
	if o == nil {
		return a, &Error{Kind: Broken, Status: 200, doing: doing, text: "the settings have a shape that is not known"}
	}
	if a.Email = email(o, c.cfg.EmailFields); a.Email != "" {
		a.Kind = Extension
	}
	if a.Name == "" {
		if a.Name = o.text("display_name", "display", "displayname", "name"); a.Name == a.Extension {
			a.Name = ""
		}
	}
	return a, nil
}

// canceled tells whether the caller does not want the answer any more.
func canceled(ctx context.Context, err error) bool {
	return err != nil && errors.Is(ctx.Err(), context.Canceled)
}
