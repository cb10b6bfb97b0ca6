package vodia

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
)

func TestAddressesThatAreNotUsed(t *testing.T) {
	good := Config{BaseURL: "https://pbx.example", Domain: domain}
	for name, change := range map[string]func(*Config){
		"plain http":          func(c *Config) { c.BaseURL = "http://pbx.example" },
		"http to a lookalike": func(c *Config) { c.BaseURL = "http://localhost.evil.example" },
		"no scheme":           func(c *Config) { c.BaseURL = "pbx.example" },
		"other scheme":        func(c *Config) { c.BaseURL = "ftp://pbx.example" },
		"password in it":      func(c *Config) { c.BaseURL = "https://admin:hush-4711@pbx.example" },
		"query":               func(c *Config) { c.BaseURL = "https://pbx.example/?a=hush-4711" },
		"no tenant":           func(c *Config) { c.Domain = "" },
		"tenant is a path":    func(c *Config) { c.Domain = "../system" },
		"user is a path":      func(c *Config) { c.User = "2/01" },
		"no certificates": func(c *Config) {
			c.HTTP = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		},
		"old TLS": func(c *Config) {
			c.HTTP = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS11}}}
		},
		"odd transport":   func(c *Config) { c.HTTP = &http.Client{Transport: http.NewFileTransport(http.Dir("."))} },
		"hooks path":      func(c *Config) { c.AccountHooksPath = "@evil.example/{account}" },
		"hooks of nobody": func(c *Config) { c.AccountHooksPath = "/rest/x" },
	} {
		cfg := good
		change(&cfg)
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, ok := range []string{"https://pbx.example/", "http://127.0.0.1:80", "http://[::1]:80", "http://localhost"} {
		cfg := good
		cfg.BaseURL = ok
		if _, err := New(cfg); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
}

// A password and a write go to no host and no path the admin did not name.
func TestRedirectsGoNowhereElse(t *testing.T) {
	evil, p := newPBX(t, false), newPBX(t, false)
	evil.says("*", "[]")
	p.on("*", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, evil.URL+"/rest/x", http.StatusTemporaryRedirect)
	})
	c := p.client()
	for name, err := range map[string]error{
		"list":  second(c.Accounts(t.Context())),
		"hooks": second(c.Hooks(t.Context(), Tenant)),
		"dial":  c.Dial(t.Context(), "201", "16173998147"),
	} {
		if !is(err, NotAPBX) || sentence(err) != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := watchOnce(t, c); !is(err, NotAPBX) {
		t.Errorf("watch: %v", err)
	}
	if got := evil.got(); len(got) > 0 {
		t.Errorf("the other host got %v", got)
	}
	p.on("*", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) })
	p.says("GET /elsewhere", "@userlist")
	if _, err := c.Probe(t.Context()); err != nil {
		t.Errorf("a list that moved within the PBX: %v", err)
	}
	if err := c.Dial(t.Context(), "201", "16173998147"); !is(err, NotAPBX) {
		t.Errorf("a write that moved: %v", err)
	}
}

// What would change a path or a call is not sent at all.
func TestOddExtensionsAndNumbersAreNotSent(t *testing.T) {
	p := newPBX(t, false)
	p.says("*", "true")
	c := p.client()
	for _, ext := range []string{"", ".", "..", "2/1", "201@evil.example", "2?x", "2 1", "2%2f1", "{domain}", "2\n1"} {
		if err := c.Dial(t.Context(), ext, "16173998147"); !is(err, Invalid) {
			t.Errorf("extension %q: %v", ext, err)
		}
		if strings.ContainsAny(ext, "@") || ext == "" {
			continue
		}
		if _, err := c.Hooks(t.Context(), Level(ext)); !is(err, Invalid) {
			t.Errorf("level %q: %v", ext, err)
		}
	}
	for _, number := range []string{"", "+", "*72123", "#31#1", "sip:1@x", "1 2", "1;2", "++1", "1+2", strings.Repeat("1", 33), "١٢٣"} {
		if err := c.Dial(t.Context(), "201", number); !is(err, Invalid) {
			t.Errorf("number %q: %v", number, err)
		}
	}
	if err := c.SetHooks(t.Context(), Tenant, map[string]Hook{"code_x": {URL: "https://x"}}, nil); !is(err, Invalid) {
		t.Errorf("another setting: %v", err)
	}
	if got := p.got(); len(got) > 0 {
		t.Errorf("sent %v", got)
	}
}
