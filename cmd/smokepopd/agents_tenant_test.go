package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/smokepop/smokepop/internal/simulator"
)

// Where one tenant alone has the extension, it need not be named; where two
// have it, nobody is taken for the other.
func TestTenantNeedNotBeNamedWhereItIsClear(t *testing.T) {
	in := install(t, simulator.NewFirm(), nil, func(settings map[string]any) {
		tenants := settings["tenants"].([]map[string]any)
		other := maps.Clone(tenants[0])
		other["domain"], other["agents"] = "other.example", []map[string]any{{"extension": "101"}, {"extension": "777"}}
		settings["tenants"] = append(tenants, other)
	})
	in.serve()
	if got := in.document("agents", "invite", "--extension", "777")["tenant"]; got != "other.example" {
		t.Errorf("777 is invited at %v", got)
	}
	if got := in.document("agents", "unpair", "--extension", "102")["was_paired"]; got != false {
		t.Errorf("102: was_paired is %v", got)
	}
	in.admin("agents", "invite", "--extension", "101").wants(t, exitUsage, "several tenants have extension 101: name one with --tenant: firm.example, other.example")
	in.admin("agents", "invite", "--extension", "999").wants(t, exitFailed, `there is no agent with extension "999"`)
	in.admin("agents", "invite").wants(t, exitUsage, "extension")
}

// An admin who runs a command by hand has no $CREDENTIALS_DIRECTORY: the folder
// that systemd's copies are made of stands in for it.
func TestCredentialsBesideTheConfiguration(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	in := install(t, simulator.NewFirm(), nil, func(settings map[string]any) {
		settings["encryption_key_file"] = "${CREDENTIALS_DIRECTORY}/smokepop.key"
	})
	command(t, "check-config", "--config", in.file).wants(t, exitUsage, "encryption_key_file: $CREDENTIALS_DIRECTORY is not set")
	etc := filepath.Dir(in.file)
	if err := os.Mkdir(filepath.Join(etc, "credentials"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(etc, "smokepop.key"), filepath.Join(etc, "credentials", "smokepop.key")); err != nil {
		t.Fatal(err)
	}
	r := command(t, "check-config", "--config", in.file)
	r.wants(t, exitOK)
	if !strings.Contains(r.stdout, filepath.Join(etc, "credentials", "smokepop.key")) {
		t.Errorf("it does not say which file is meant:\n%s", r.stdout)
	}
}
