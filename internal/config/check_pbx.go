package config

import (
	"crypto/x509"
	"regexp"
	"strings"
	"time"
)

func (l *loader) checkPBX(t *Tenant, path string, listener pbxListener) {
	p := &t.PBX
	l.checkWebhook(p, path+".webhook", listener)
	l.checkAPI(&p.API, path+".api")
	l.checkEvents(p, path)
	l.checkNumbers(t, path)
	l.checkInternal(p.Internal, path+".internal")
	for i, s := range p.StarPrefixes {
		switch at := index(path+".star_prefixes", i); {
		case strings.TrimSpace(s) != s || s == "":
			l.problem(at, "must not be empty or contain blanks")
		case s[0] >= '0' && s[0] <= '9' || s[0] == '+':
			l.warn(at, "%s: calls with numbers that begin like this show no pop", quote(s))
		}
	}
}

func (l *loader) checkWebhook(p *PBX, path string, listener pbxListener) {
	w := p.Webhook
	username, password, token := path+".username", path+".password", path+".token"
	switch {
	case l.known(username, password, password+fileSuffix):
	case w.Username == "" && w.Password != "":
		l.problem(username, "is missing, and a password is set: set both or none")
	case w.Username != "" && w.Password == "":
		l.problem(password, "is missing, and a username is set: set both or none (or name the file in password_file)")
	case strings.Contains(w.Username, ":"):
		l.problem(username, "must not contain a colon")
	}
	for i, p := range w.Allow {
		if p.Bits() == 0 {
			l.warn(index(path+".allow", i), "%s allows every address", p)
		}
	}
	if p.Webhooks() && w.unguarded() && w.Password == "" && listener.known && !listener.loopback &&
		!l.known(path, username, password, password+fileSuffix, token, token+fileSuffix, path+".allow", path+".allow[0]") {
		l.problem(path, "checks nothing, and listen.pbx is open to the network: set username and password_file, or token_file, or allow")
	}
}

func (l *loader) checkAPI(a *API, path string) {
	l.endpoint(path+".url", &a.URL)
	if l.known(path+".url", path+".username", path+".password", path+".password_file") {
		return
	}
	if a.URL == "" {
		if a.Username != "" || a.Password != "" {
			l.problem(path+".url", "is missing, and a username or a password is set")
		}
		return
	}
	l.required(path+".username", a.Username)
	l.requiredSecret(path+".password", a.Password)
	if strings.Contains(a.Username, ":") {
		l.problem(path+".username", "must not contain a colon")
	}
	l.checkCA(path+".ca_file", a.CAFile)
	if !l.known(path+".refresh") && a.Refresh < time.Minute {
		l.problem(path+".refresh", "must be at least 1m: the PBX is asked once for every extension")
	}
}

// checkCA refuses a file without a certificate.
func (l *loader) checkCA(path, file string) {
	if file == "" || l.known(path) {
		return
	}
	pem, err := l.read(file, maxSecret)
	switch {
	case err != nil:
		l.problem(path, "%s: %s", file, unreadable(err))
	case !x509.NewCertPool().AppendCertsFromPEM([]byte(pem)):
		l.problem(path, "%s: there is no certificate in it: PEM is wanted", file)
	}
}

// outsideNumbers are numbers that no PBX has as an extension.
var outsideNumbers = []string{"6173998147", "16173998147", "+16173998147", "0242248120", "+442079460958"}

func (l *loader) checkInternal(in Internal, path string) {
	if at := path + ".extensions"; !l.known(at) {
		l.checkExtensions(in.Extensions, at)
	}
	if !mailboxShape.MatchString(in.MailboxPrefix) && !l.known(path+".mailbox_prefix") {
		l.problem(path+".mailbox_prefix", "%s is no prefix: use up to four digits, or leave it empty", quote(in.MailboxPrefix))
	}
}

var mailboxShape = regexp.MustCompile(`^[0-9*#]{0,4}$`)

// checkExtensions refuses patterns that would make outside calls internal ones,
// so that nobody ever saw a pop.
func (l *loader) checkExtensions(re *regexp.Regexp, path string) {
	if re.String() == "" || re.MatchString("") {
		l.problem(path, "matches the empty number")
		return
	}
	for _, n := range outsideNumbers {
		if re.MatchString(n) {
			l.problem(path, "matches outside numbers such as %s: begin it with ^ and end it with $", n)
			return
		}
	}
}
