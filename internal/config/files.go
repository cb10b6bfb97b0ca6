package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// readRegular reads a regular file of at most most bytes. A pipe or a device
// in a file's place would hold up the start or never end.
func readRegular(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("larger than %d bytes", most)
	}
	return data, nil
}

// absolute returns path, which may be relative to the configuration file.
func (l *loader) absolute(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(l.dir, path)
}

var credentialsVariable = regexp.MustCompile(`\$\{` + credentialsVarName + `\}|\$` + credentialsVarName + `\b`)

// file returns the absolute path that the key at path names; empty when it
// names none or cannot be told.
func (l *loader) file(path, written string) string {
	if l.known(path) {
		return ""
	}
	if credentialsVariable.MatchString(written) {
		if l.env.credentials == "" {
			l.problem(path, "$%s is not set: it is where systemd puts credentials; start smokepopd by its unit, set the variable, or write the path itself",
				credentialsVarName)
			return ""
		}
		written = credentialsVariable.ReplaceAllLiteralString(written, l.env.credentials)
	}
	return l.absolute(written)
}

// secret reads the secret of the key at path, which stands in value or in the
// file it names.
func (l *loader) secret(path string, value *screenpop.Secret, file *string) {
	twin := path + fileSuffix
	if *file == "" {
		l.lookOver(path, *value)
		return
	}
	if *value != "" || l.known(path) {
		l.problem(path, "is set, and %s too: keep one", filepath.Ext(twin)[1:])
		return
	}
	if *file = l.file(twin, *file); *file == "" {
		return
	}
	data, err := l.read(*file, maxSecret)
	if err != nil {
		l.problem(twin, "%s: %s", *file, unreadable(err))
		return
	}
	if line, ok := bytes.CutSuffix(data, []byte("\n")); ok {
		data = bytes.TrimSuffix(line, []byte("\r"))
	}
	switch {
	case len(data) == 0:
		l.problem(twin, "%s: is empty", *file)
	case bytes.IndexByte(data, 0) >= 0:
		l.problem(twin, "%s: is no text", *file)
	}
	*value = screenpop.Secret(data)
	l.lookOver(twin, *value)
	if info, err := os.Stat(*file); err == nil && info.Mode().Perm()&0o007 != 0 {
		l.warn(twin, "%s is open to every user of this machine: chmod o= it", *file)
	}
}

func (l *loader) lookOver(path string, value screenpop.Secret) {
	if s := value.Reveal(); strings.TrimSpace(s) != s {
		l.warn(path, "the secret begins or ends with a blank or a line break, which count as part of it")
	}
}

// resolve makes all paths absolute and reads secrets and agents.
func (l *loader) resolve(cfg *Config) {
	cfg.StateDir = l.absolute(cfg.StateDir)
	cfg.AdminSocket = l.absolute(cfg.AdminSocket)
	cfg.Audit.File = l.absolute(cfg.Audit.File)
	cfg.EncryptionKeyFile = l.file("encryption_key_file", cfg.EncryptionKeyFile)
	cfg.TLS.CertFile = l.file("tls.cert_file", cfg.TLS.CertFile)
	cfg.TLS.KeyFile = l.file("tls.key_file", cfg.TLS.KeyFile)
	cfg.TLS.ACME.CARootFile = l.file("tls.acme.ca_root_file", cfg.TLS.ACME.CARootFile)
	nats := &cfg.Cluster.NATS
	nats.CredsFile = l.file("cluster.nats.creds_file", nats.CredsFile)
	nats.TLS.CAFile = l.file("cluster.nats.tls.ca_file", nats.TLS.CAFile)
	nats.TLS.CertFile = l.file("cluster.nats.tls.cert_file", nats.TLS.CertFile)
	nats.TLS.KeyFile = l.file("cluster.nats.tls.key_file", nats.TLS.KeyFile)
	oidc := &cfg.SignIn.OIDC
	l.secret("sign_in.oidc.client_secret", &oidc.ClientSecret, &oidc.ClientSecretFile)
	for i := range cfg.Tenants {
		t, path := &cfg.Tenants[i], index("tenants", i)
		s, w, api := &t.Smokeball, &t.PBX.Webhook, &t.PBX.API
		l.secret(path+".smokeball.client_secret", &s.ClientSecret, &s.ClientSecretFile)
		l.secret(path+".smokeball.api_key", &s.APIKey, &s.APIKeyFile)
		l.secret(path+".pbx.webhook.password", &w.Password, &w.PasswordFile)
		l.secret(path+".pbx.webhook.token", &w.Token, &w.TokenFile)
		l.secret(path+".pbx.api.password", &api.Password, &api.PasswordFile)
		api.CAFile = l.file(path+".pbx.api.ca_file", api.CAFile)
		t.AgentsFile = l.file(path+".agents_file", t.AgentsFile)
		l.agents(t, path)
	}
}
