package vodia

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// maxPassword is more than any password is long.
const maxPassword = 256

// CheckPassword asks the PBX whether password is that of extension: it asks for
// the extension's calls, which an extension may see with its own credentials.
// Every call is one try at the PBX, which may shut our address out after too
// many wrong ones: who calls has to limit them. What cannot be an extension or
// a password is not asked for and is wrong.
func (c *Client) CheckPassword(ctx context.Context, extension string, password screenpop.Secret) (bool, error) {
	const doing = "check a password at the PBX"
	if !pathSafe(extension) || strings.ContainsAny(extension, "@:") || password == "" || len(password) > maxPassword {
		return false, nil
	}
	account := extension + "@" + c.cfg.Domain
	answer, _, err := c.send(ctx, request{
		doing: doing, method: http.MethodGet, path: "/rest/user/" + url.PathEscape(extension) + "@" + url.PathEscape(c.cfg.Domain) + "/calls",
		user: account, password: password,
	})
	switch {
	case is(err, BadCredentials):
		return false, nil
	case is(err, Forbidden):
		return false, &Error{Kind: Forbidden, Status: http.StatusForbidden, doing: doing,
			text: "the PBX lets extensions see nothing of their own (403): allow them the REST API there, or set sign_in.pbx_password to false"}
	case err != nil:
		return false, err
	case refused(answer):
		return false, nil
	case !bytes.HasPrefix(bytes.TrimSpace(answer), []byte("[")):
		return false, &Error{Kind: Broken, Status: http.StatusOK, doing: doing, text: "the PBX answers with something else than the extension's calls: see whether its version is 69 or newer"}
	}
	return true, nil
}
