package numbering

import (
	"net/url"
	"strings"
)

// maxParty bounds what is looked at; nothing that names a party is longer.
const maxParty = 1024

// UserPart returns the user part of a party as a PBX writes it, and the name
// shown with it: of a plain number, a name-addr ("Jane" <sip:101@host;x=y>), a
// sip, sips or tel URI, or an account (101@host). The user part is
// percent-decoded, its parameters are cut off. A party of more than 1,024 bytes
// has no user part.
func UserPart(party string) (user, displayName string) {
	user, displayName, _ = splitParty(party)
	return user, displayName
}

// splitParty also returns a tel URI's phone-context where that is a country
// code, for a local number to stand behind (RFC 3966 section 5.1.4).
func splitParty(party string) (user, name, context string) {
	if len(party) > maxParty {
		return "", "", ""
	}
	party = strings.TrimSpace(party)
	addr := party
	if open := addrStart(party); open >= 0 {
		name = displayName(party[:open])
		addr = party[open+1:]
		if end := strings.IndexByte(addr, '>'); end >= 0 {
			addr = addr[:end]
		}
	} else if strings.HasPrefix(party, `"`) {
		return "", displayName(party), "" // a name without an address
	}
	addr, uri := cutScheme(strings.TrimSpace(addr))
	if at := strings.LastIndexByte(addr, '@'); at >= 0 {
		addr = addr[:at]
	} else if uri == "sip" {
		return "", name, "" // a host alone
	}
	user, params, _ := strings.Cut(addr, ";")
	if uri == "sip" {
		user, _, _ = strings.Cut(user, ":") // a password
	}
	if strings.IndexByte(user, '%') >= 0 {
		if s, err := url.PathUnescape(user); err == nil {
			user = s
		}
	}
	return strings.TrimSpace(user), name, phoneContext(params)
}

// addrStart finds the "<" that opens the address: the first one outside of
// quotes.
func addrStart(s string) int {
	if strings.IndexByte(s, '<') < 0 {
		return -1
	}
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '<' && !quoted:
			return i
		}
	}
	return -1
}

// displayName takes the quotes and their escapes off a name.
func displayName(s string) string {
	s = strings.TrimSpace(s)
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return strings.TrimSpace(s)
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return strings.TrimSpace(b.String())
}

// cutScheme cuts sip:, sips: or tel: off and says which of sip and tel it was.
func cutScheme(s string) (rest, scheme string) {
	for _, c := range [...]struct{ prefix, scheme string }{{"sip:", "sip"}, {"sips:", "sip"}, {"tel:", "tel"}} {
		if len(s) >= len(c.prefix) && strings.EqualFold(s[:len(c.prefix)], c.prefix) {
			return strings.TrimPrefix(s[len(c.prefix):], "//"), c.scheme
		}
	}
	return s, ""
}

// phoneContext returns the digits of a global phone-context, or "".
func phoneContext(params string) string {
	for params != "" {
		var p string
		p, params, _ = strings.Cut(params, ";")
		key, value, _ := strings.Cut(p, "=")
		if !strings.EqualFold(strings.TrimSpace(key), "phone-context") {
			continue
		}
		var b strings.Builder
		digits, global := strings.CutPrefix(strings.TrimSpace(value), "+")
		for i := range len(digits) {
			if c := digits[i]; c >= '0' && c <= '9' {
				b.WriteByte(c)
			} else if c != '-' && c != '.' {
				return ""
			}
		}
		if global && b.Len() <= maxE164 {
			return b.String()
		}
		return ""
	}
	return ""
}
