package vodia

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/screenpop"
)

const (
	defaultCallTimeout  = 10 * time.Second
	defaultTotalTimeout = 2 * time.Minute
	defaultRate         = 10 // requests a second about single accounts
)

// DefaultAccountHooksPath is where an account's webhook settings are read and
// written. Vodia documents that every account has them, not where: this is the
// documented place of an account's other settings.
const DefaultAccountHooksPath = "/rest/domain/{domain}/user_settings/{account}"

// Config is what a Client stands on. Zero values of the fields after HTTP mean
// the documented default.
type Config struct {
	// BaseURL is the PBX's address, such as https://pbx.example; plain http is
	// refused unless the host is this machine.
	BaseURL  string
	Domain   string // the tenant's name on the PBX
	Username string // a system administrator, or admin@{domain}
	Password screenpop.Secret
	// User is the account the websocket is opened as; empty opens it for the
	// tenant alone.
	User string
	// HTTP carries the certificates that are trusted: NewHTTPClient makes one.
	// Nil means the system's. Its Transport has to be an *http.Transport, whose
	// TLS settings and proxy the websocket uses too.
	HTTP *http.Client
	Log  *slog.Logger

	CallTimeout  time.Duration // of one request; 10 s
	TotalTimeout time.Duration // of one method with many requests; 2 min
	Rate         float64       // requests a second about single accounts; 10
	// EmailFields are the names an account's e-mail may have in its settings,
	// best first; email, then email_address.
	EmailFields []string
	// AccountHooksPath overrides DefaultAccountHooksPath. With AccountHooksTable
	// the settings are written as the tenant's are, as a list of names and
	// values of that table; without, as the fields of one object.
	AccountHooksPath  string
	AccountHooksTable string
}

// NewHTTPClient returns an HTTP client for the PBX: TLS 1.2 or newer, trusting
// roots, or the system's certificates when roots is nil.
func NewHTTPClient(roots *x509.CertPool) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{Transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    5 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    settingsReaders,
		IdleConnTimeout:        90 * time.Second,
	}}
}

// baseURL reads the PBX's address.
func baseURL(s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(s, "/"))
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the address of the PBX is not of the form https://host")
	case u.User != nil:
		return nil, errors.New("the address of the PBX has a user name in it: give username and password_file")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the address of the PBX has a query or a fragment: leave it off")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, errors.New("the address of the PBX is plain http: a password goes there, use https")
	}
	return u, nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// transport checks c's transport, and returns it for the websocket's sake.
func transport(c *http.Client) (*http.Transport, error) {
	rt := c.Transport
	if rt == nil {
		rt = http.DefaultTransport
	}
	t, ok := rt.(*http.Transport)
	if !ok {
		return nil, fmt.Errorf("the HTTP client's transport is a %T: give an *http.Transport", rt)
	}
	if s := t.TLSClientConfig; s != nil {
		if s.InsecureSkipVerify && s.VerifyPeerCertificate == nil && s.VerifyConnection == nil {
			return nil, errors.New("the HTTP client checks no certificates: give the PBX's CA instead")
		}
		if s.MinVersion != 0 && s.MinVersion < tls.VersionTLS12 {
			return nil, errors.New("the HTTP client allows TLS older than 1.2")
		}
	}
	return t, nil
}
