package config

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

var hostShape = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)

// baseURL checks a URL that others are built on and returns it without a
// trailing slash and a default port, scheme and host in lower case. Plain http
// is for loopback.
func baseURL(s string, withPath bool) (string, error) {
	u, err := url.Parse(s)
	if err != nil {
		return "", errors.New("is no URL") // the error quotes all of it, a password too
	}
	host := u.Hostname()
	_, notIP := netip.ParseAddr(host)
	switch {
	case u.User != nil:
		return "", errors.New("must not contain a user name or a password")
	case u.Scheme != "https" && u.Scheme != "http":
		return "", errors.New("must begin with https://")
	case host == "" || u.Opaque != "":
		return "", errors.New("names no host")
	case notIP != nil && !hostShape.MatchString(host):
		return "", errors.New("names no valid host (names with other letters are written as xn--...)")
	case !validPort(u.Port()) && u.Port() != "" || strings.HasSuffix(u.Host, ":"):
		return "", errors.New("has no valid port")
	case u.RawQuery != "" || u.ForceQuery:
		return "", errors.New("must not have a query")
	case strings.Contains(s, "#"):
		return "", errors.New("must not have a fragment")
	case !withPath && u.Path != "" && u.Path != "/":
		return "", errors.New("must not have a path")
	case u.Scheme == "http" && !isLoopback(host):
		return "", errors.New("must begin with https://: plain http is for loopback addresses only")
	}
	authority := strings.ToLower(u.Host)
	if port := u.Port(); port == "443" && u.Scheme == "https" || port == "80" && u.Scheme == "http" {
		authority = strings.TrimSuffix(authority, ":"+port)
	}
	return u.Scheme + "://" + authority + strings.TrimRight(u.EscapedPath(), "/"), nil
}

// isLoopback tells whether a host is this machine and nothing else.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// address is a listen address.
type address struct{ host, port string }

func parseAddress(s string) (address, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil || !validPort(port) && port != "0" {
		return address{}, errors.New(`must be host:port, such as "127.0.0.1:8080", or ":8443" for all addresses`)
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && !hostShape.MatchString(host) {
		return address{}, errors.New("names no valid host")
	}
	return address{host, port}, nil
}

func (a address) loopback() bool { return isLoopback(a.host) }

// everywhere tells whether a is all addresses of the machine.
func (a address) everywhere() bool {
	addr, err := netip.ParseAddr(a.host)
	return a.host == "" || err == nil && addr.IsUnspecified()
}

// collides tells whether a and b cannot both be bound.
func (a address) collides(b address) bool {
	return a.port != "0" && a.port == b.port && (a.everywhere() || b.everywhere() || strings.EqualFold(a.host, b.host))
}

func validPort(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n > 0 && n <= 65535 && strconv.Itoa(n) == s
}
