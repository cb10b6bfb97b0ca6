package signon

import (
	"encoding/json"
	"strings"
	"testing"
)

// Whatever claims a provider makes, an address comes of them only where the
// provider says that it is the person's own, and at Google only where the
// firm's own domain manages it.
func FuzzClaims(f *testing.F) {
	for _, s := range []string{
		`{"email":"Priya@firm.example","email_verified":true}`, `{"email":"priya@firm.example","email_verified":"true","hd":"firm.example"}`,
		`{"email":"priya@firm.example"}`, `{"email":"a@gmail.com","email_verified":true}`, `{"preferred_username":"PRIYA@firm.example","email_verified":false}`,
		`{"email":["a@b"],"email_verified":[true]}`, `{"email":"@","email_verified":1}`, `{"email":"a@b","email_verified":{"x":[]},"hd":null}`, `{"EMAIL":"a@b","Email_Verified":true}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var c claims
		if json.Unmarshal(b, &c) != nil {
			return
		}
		verified := c.Verified == true || c.Verified == "true"
		for _, cfg := range []Config{{}, {UserNames: true}, {HostedDomains: true}} {
			email, err := (&Provider{cfg: cfg}).emailOf(c)
			switch {
			case (err == nil) != (email != ""):
				t.Errorf("%+v: %q and %v", cfg, email, err)
			case err != nil:
			case !strings.Contains(email, "@") || email != strings.ToLower(email):
				t.Errorf("%+v: %q is no address", cfg, email)
			case cfg.UserNames && email != strings.ToLower(c.UserName), !cfg.UserNames && (!verified || email != strings.ToLower(c.Email)):
				t.Errorf("%+v: %q of %+v", cfg, email, c)
			case cfg.HostedDomains && c.Hosted == "" && !strings.HasSuffix(email, "@gmail.com"):
				t.Errorf("a private account gave %q", email)
			}
		}
	})
}
