package daemon

import (
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/vodia"
)

// NewPBXClient returns a client of a tenant's PBX as the configuration names
// it; a tenant without pbx.api.url is an error. The PBX is not asked yet. change,
// when given and not nil, has the last word. The caller closes it.
func NewPBXClient(t config.Tenant, log *slog.Logger, change ...func(*vodia.Config)) (*vodia.Client, error) {
	api := t.PBX.API
	if api.URL == "" {
		return nil, fmt.Errorf("tenant %s: pbx.api.url is not set: name the PBX there, with username and password_file", t.Domain)
	}
	var roots *x509.CertPool // the system's
	if api.CAFile != "" {
		var err error
		if roots, err = rootsWith(api.CAFile); err != nil {
			return nil, fmt.Errorf("tenant %s: pbx.api.ca_file: %w", t.Domain, err)
		}
	}
	cfg := vodia.Config{
		BaseURL: api.URL, Domain: string(t.Domain), Username: api.Username, Password: api.Password, User: api.User,
		HTTP: vodia.NewHTTPClient(roots), Log: log,
	}
	for _, f := range change {
		if f != nil {
			f(&cfg)
		}
	}
	c, err := vodia.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("tenant %s: pbx.api: %w", t.Domain, err)
	}
	return c, nil
}

// rootsWith are the system's authorities and those in file.
func rootsWith(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: there is no certificate in it: PEM is wanted", file)
	}
	return roots, nil
}
