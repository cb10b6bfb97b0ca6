package config

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// The most that is read of a file. A configuration of a thousand tenants is
// well below.
const (
	maxConfig = 4 << 20
	maxAgents = 4 << 20
	maxSecret = 64 << 10
)

// Load reads the configuration at path with the environment env, as
// [os.Environ] returns it. What is wrong comes back as [Problems], all at once;
// the configuration is then nil.
func Load(path string, env []string) (*Config, error) {
	l, data, err := open(path, env)
	if err != nil {
		return nil, err
	}
	cfg := l.load(data)
	if len(l.problems) > 0 {
		return nil, l.problems
	}
	return cfg, nil
}

// AdminSocket returns the path of the admin socket that the configuration at
// path names, for commands that talk to a running daemon: it reads no secret
// and minds no problem that does not touch the key.
func AdminSocket(path string, env []string) (string, error) {
	l, data, err := open(path, env)
	if err != nil {
		return "", err
	}
	n, err := parse(data)
	if err != nil {
		return "", Problems{{path, err.Error()}}
	}
	var cfg Config
	k := schema()
	l.layered(k, l.root(k, n), envPrefix, "", &cfg)
	if l.known(l.path, "admin_socket") {
		return "", l.problems
	}
	return l.absolute(cfg.AdminSocket), nil
}

// loader is one run of [Load].
type loader struct {
	*findings
	path string // of the configuration file, as problems name it
	dir  string // relative paths start here
	env  *environment
	read func(path string, most int64) ([]byte, error)
}

func open(path string, env []string) (*loader, []byte, error) {
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, nil, Problems{{path, unreadable(err)}}
	}
	data, err := readRegular(path, maxConfig)
	if err != nil {
		return nil, nil, Problems{{path, unreadable(err)}}
	}
	return &loader{newFindings(), path, dir, newEnvironment(env), readRegular}, data, nil
}

// load is [Load] without the file.
func (l *loader) load(data []byte) *Config {
	n, err := parse(data)
	if err != nil {
		l.problem(l.path, "%s", err)
		return nil
	}
	root := schema()
	t := l.root(root, n)
	if l.known(l.path) {
		return nil
	}
	cfg := new(Config)
	l.layered(root, t, envPrefix, "", cfg)

	tenants := root.key("tenants")
	at := envName(envPrefix, tenants.name)
	for i, t := range l.elements(tenants, t[tenants.name], at, tenants.name) {
		cfg.Tenants = append(cfg.Tenants, l.tenant(tenants, t, envIndex(at, i), index(tenants.name, i)))
	}
	admins := root.key("admins")
	at = envName(envPrefix, admins.name)
	for i, t := range l.elements(admins, t[admins.name], at, admins.name) {
		var a Admin
		l.layered(admins, t, envIndex(at, i), index(admins.name, i), &a)
		cfg.Admins = append(cfg.Admins, a)
	}
	l.resolve(cfg)
	l.check(cfg)
	for _, name := range l.env.unused() {
		l.warn(name, "this variable is no key of the configuration")
	}
	cfg.warnings = l.warnings
	return cfg
}

// root reads the whole document; what is wrong with all of it is said of the file.
func (l *loader) root(k *key, n *yaml.Node) tree {
	if !isNull(n) && n.Kind != yaml.MappingNode {
		l.problem(l.path, "must be a map with the keys %s", k.names())
		return tree{}
	}
	return l.section(k, n, "")
}

// agentEntry is an agent as a list in the configuration has it.
type agentEntry struct {
	Extension string   `mapstructure:"extension"`
	Name      string   `mapstructure:"name"`
	Email     string   `mapstructure:"email"`
	Groups    []string `mapstructure:"groups"`
}

func (e agentEntry) agent() screenpop.Agent {
	return screenpop.Agent{
		AgentID: screenpop.AgentID{Extension: screenpop.Extension(strings.TrimSpace(e.Extension))},
		Name:    strings.TrimSpace(e.Name), Email: strings.TrimSpace(e.Email), Groups: e.Groups,
	}
}

func (l *loader) tenant(k *key, t tree, at, path string) Tenant {
	var tenant Tenant
	l.layered(k, t, at, path, &tenant)
	tenant.Domain = screenpop.ParseTenant(string(tenant.Domain))

	agents := k.key("agents")
	at, path = envName(at, agents.name), join(path, agents.name)
	for i, t := range l.elements(agents, t[agents.name], at, path) {
		var entry agentEntry
		l.layered(agents, t, envIndex(at, i), index(path, i), &entry)
		tenant.Agents = append(tenant.Agents, entry.agent())
	}
	return tenant
}

// unreadable says why a file cannot be read, without the call that failed.
func unreadable(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return "cannot be read: " + err.Error()
}
