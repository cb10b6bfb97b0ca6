package smokeball

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// The record routes of Smokeball's web app. The contact's is documented by
// Vodia and the same single-page app serves all six hosts; the matter's is
// inferred from its siblings, so both are templates.
const (
	DefaultContactLink = "{app}/#/billing/view-contact/{id}/details"
	DefaultMatterLink  = "{app}/#/billing/view-matter/{id}/details"
)

// Links builds links into Smokeball's web app. It is immutable.
type Links struct{ contact, matter string }

// NewLinks returns the links of the web app at app. A template has {id} once,
// after the host, and may have {app}; an empty one means the default. The
// result has to be an https URL, or http on a loopback address.
func NewLinks(app, contactTemplate, matterTemplate string) (Links, error) {
	app, err := baseURL(app)
	if err != nil {
		return Links{}, fmt.Errorf("web app: %w", err)
	}
	var l Links
	if l.contact, err = template(app, contactTemplate, DefaultContactLink); err != nil {
		return Links{}, fmt.Errorf("contact link: %w", err)
	}
	if l.matter, err = template(app, matterTemplate, DefaultMatterLink); err != nil {
		return Links{}, fmt.Errorf("matter link: %w", err)
	}
	return l, nil
}

func template(app, tmpl, standard string) (string, error) {
	if tmpl == "" {
		tmpl = standard
	}
	if strings.Count(tmpl, "{id}") != 1 {
		return "", errors.New("wants {id} exactly once")
	}
	link := strings.ReplaceAll(tmpl, "{app}", app)
	const id = "00000000-0000-0000-0000-000000000000"
	filled := strings.ReplaceAll(link, "{id}", id)
	if strings.ContainsAny(filled, "{}") {
		return "", errors.New("knows no placeholder but {app} and {id}")
	}
	u, err := url.Parse(filled)
	switch {
	case err != nil || u.Hostname() == "":
		return "", fmt.Errorf("%q is no URL", tmpl)
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return "", fmt.Errorf("%q must be https", tmpl)
	case u.User != nil || strings.Contains(u.Host, id):
		return "", fmt.Errorf("%q must have {id} after the host", tmpl)
	}
	return link, nil
}

// Contact returns the link to a contact's record; false when id is no id of a
// record. An API href is never a link: people cannot open it.
func (l Links) Contact(id string) (string, bool) { return fill(l.contact, id) }

// Matter returns the link to a matter's record; false when id is no id of a
// record.
func (l Links) Matter(id string) (string, bool) { return fill(l.matter, id) }

func fill(link, id string) (string, bool) {
	if link == "" || !ValidID(id) {
		return "", false
	}
	return strings.Replace(link, "{id}", id, 1), true
}

var uuid = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// ValidID tells whether id has the shape of a Smokeball record id, a UUID.
// Anything else never goes into a link or a request.
func ValidID(id string) bool { return len(id) == 36 && uuid.MatchString(id) }
