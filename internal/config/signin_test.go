package config

import "testing"

func TestIssuersOfMicrosoft(t *testing.T) {
	for issuer, want := range map[string]bool{
		"https://login.microsoftonline.com/0c2b6cbb-7bd0-4f5f-bd6a-5c2d5b0e9f3a/v2.0": true,
		"https://LOGIN.microsoftonline.us/0c2b6cbb-7bd0-4f5f-bd6a-5c2d5b0e9f3a/v2.0":  true,
		"https://sts.windows.net/0c2b6cbb-7bd0-4f5f-bd6a-5c2d5b0e9f3a/":               true,
		"https://accounts.google.com":                                                 false,
		"https://login.microsoftonline.com.evil.example/x/v2.0":                       false,
	} {
		if got := (OIDC{Issuer: issuer}).Microsoft(); got != want {
			t.Errorf("%s: %v", issuer, got)
		}
	}
}

func TestLocksAndBounds(t *testing.T) {
	cfg := mustLoad(t, minimal+"    pops: {on: connected, notification: number, lock: [on]}\n")
	rule := cfg.Tenants[0].Pops.Rule()
	if !rule.Locks("on") || rule.Locks("sound") || rule.Allows("full") || !rule.Allows("none") || rule.Defaults.On != "connected" {
		t.Errorf("%+v", rule)
	}
}
