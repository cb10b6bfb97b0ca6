package smokeball

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Region is where a firm's Smokeball account lives. Accounts and credentials
// differ per region and per environment.
type Region string

// The regions.
const (
	US Region = "us"
	AU Region = "au"
	UK Region = "uk"
)

// Regions lists every region.
func Regions() []Region { return []Region{US, AU, UK} }

// Hosts are the base URLs of one Smokeball environment, without a trailing
// slash: the OAuth server, the REST API, and the web app that people use.
type Hosts struct{ Auth, API, App string }

// hosts is the table of docs.smokeball.com "Base URLs" and "Developer console".
func hosts(region Region, staging bool) (Hosts, bool) {
	domain, ok := map[Region]string{
		US: "smokeball.com",
		AU: "smokeball.com.au",
		UK: "smokeball.co.uk",
	}[region]
	if staging {
		return Hosts{"https://datastaging-auth." + domain, "https://stagingapi." + domain, "https://rc-app." + domain}, ok
	}
	return Hosts{"https://auth." + domain, "https://api." + domain, "https://app." + domain}, ok
}

// HostsFor returns the hosts of a region and environment. Each host of override
// that is set replaces its own and no other: white-label firms have their own
// web app, tests their own everything. An override is an https URL, or http on
// a loopback address; it may have a path but no query, fragment or user.
func HostsFor(region string, staging bool, override Hosts) (Hosts, error) {
	h, ok := hosts(Region(strings.ToLower(region)), staging)
	if !ok {
		return Hosts{}, fmt.Errorf("unknown region %q: want us, au or uk", region)
	}
	for _, o := range []struct {
		name, value string
		into        *string
	}{{"auth", override.Auth, &h.Auth}, {"api", override.API, &h.API}, {"app", override.App, &h.App}} {
		if o.value == "" {
			continue
		}
		base, err := baseURL(o.value)
		if err != nil {
			return Hosts{}, fmt.Errorf("endpoint %s: %w", o.name, err)
		}
		*o.into = base
	}
	return h, nil
}

// baseURL checks a base URL and takes its trailing slash.
func baseURL(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "", fmt.Errorf("%q is no URL", s)
	case u.Hostname() == "" || u.Opaque != "":
		return "", fmt.Errorf("%q has no host", s)
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return "", fmt.Errorf("%q must be https (plain http is for loopback addresses only)", s)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", fmt.Errorf("%q may have a host and a path only", s)
	}
	return strings.TrimRight(s, "/"), nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
