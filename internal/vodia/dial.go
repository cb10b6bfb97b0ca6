package vodia

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// maxDialled is the most characters of a number that is dialled: E.164 has 15
// digits, a prefix for an outside line and a dialled pause come on top.
const maxDialled = 32

// Dial makes extension ring and, when it is picked up, calls number from it.
// The number is digits with a plus before them at most: star codes are not
// dialled for anybody.
func (c *Client) Dial(ctx context.Context, extension, number string) error {
	const doing = "dial from the PBX"
	if !pathSafe(extension) || strings.Contains(extension, "@") {
		return &Error{Kind: Invalid, doing: doing, text: "this is no extension"}
	}
	digits := strings.TrimPrefix(number, "+")
	if digits == "" || len(number) > maxDialled || strings.Trim(digits, "0123456789") != "" {
		return &Error{Kind: Invalid, doing: doing, text: "this is no number that can be dialled"}
	}
	path := "/rest/user/" + url.PathEscape(extension) + "@" + url.PathEscape(c.cfg.Domain) + "/calls"
	// The name is what the phone shows; a contact's does not go to the PBX.
	_, err := c.post(ctx, doing, path, map[string]string{"remote-dial": number, "name": number})
	if is(err, Forbidden) {
		return &Error{Kind: Forbidden, Status: http.StatusForbidden, doing: doing,
			text: "the PBX does not let this administrator dial for the extension (403): allow it there, or set pbx.dial to tel"}
	}
	return err
}
