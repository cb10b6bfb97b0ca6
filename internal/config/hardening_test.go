package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestHugeConfigurationIsRefused(t *testing.T) {
	_, problems := load(t, minimal+strings.Repeat("#", maxConfig))
	if len(problems) != 1 || !strings.Contains(problems.Error(), "larger than") {
		t.Errorf("said %v", problems)
	}
}

func TestBillionLaughsAreRefused(t *testing.T) {
	bomb := "a: &a [x]\n"
	for c := 'b'; c < 'z'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c,", c-1), 20), ","))
	}
	if _, problems := load(t, minimal+bomb); !strings.Contains(problems.Error(), "a: unknown key") {
		t.Errorf("said %v", problems)
	}
	if _, problems := load(t, minimal+"trusted_proxies: &p [10.0.0.1]\nstate_dir: *p\n"); len(problems) != 2 {
		t.Errorf("said %v", problems)
	}
}

func TestDeepNestingIsRefused(t *testing.T) {
	if _, problems := load(t, minimal+"trusted_proxies: "+strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000)); len(problems) == 0 {
		t.Error("accepted")
	}
}

func TestSecretFilesThatAreNoFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skipf("no named pipes here: %v", err)
	}
	put(t, dir, "huge", strings.Repeat("x", maxSecret+1))
	for _, file := range []string{"pipe", "huge", "/dev/zero", ".", "gone"} {
		_, problems := loadIn(t, dir, strings.Replace(minimal, "api_key: the-api-key", "api_key_file: "+file, 1))
		if len(problems) != 1 || problems[0].Path != "tenants[0].smokeball.api_key_file" || !strings.Contains(problems[0].Text, ": cannot be read: ") {
			t.Errorf("%s: said %v", file, problems)
		}
	}
}

func TestSecretFileKeepsAllButOneNewline(t *testing.T) {
	for content, want := range map[string]string{
		"s3cret": "s3cret", "s3cret\n": "s3cret", "s3cret\r\n": "s3cret", "s3cret\n\n": "s3cret\n", " s3cret \n": " s3cret ", "s3cret\r": "s3cret\r", "0012\n": "0012",
	} {
		dir := t.TempDir()
		put(t, dir, "f", content)
		cfg, problems := loadIn(t, dir, strings.Replace(minimal, "api_key: the-api-key", "api_key_file: f", 1))
		if problems != nil {
			t.Fatal(problems)
		}
		if got := cfg.Tenants[0].Smokeball.APIKey.Reveal(); got != want {
			t.Errorf("%q: read %q, want %q", content, got, want)
		}
	}
}

func TestOnlyTheCredentialsDirectoryIsExpanded(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []string{"f", "$HOME", "$CREDENTIALS_DIRECTORYX"} {
		put(t, dir, file, "from "+file)
	}
	env := []string{"CREDENTIALS_DIRECTORY=" + dir, "HOME=/nowhere"}
	for written, want := range map[string]string{
		"$CREDENTIALS_DIRECTORY/f": "from f", "${CREDENTIALS_DIRECTORY}/f": "from f", "$HOME": "from $HOME", "$CREDENTIALS_DIRECTORYX": "from $CREDENTIALS_DIRECTORYX",
	} {
		cfg, problems := loadIn(t, dir, strings.Replace(minimal, "api_key: the-api-key", "api_key_file: '"+written+"'", 1), env...)
		if problems != nil {
			t.Errorf("%s: %v", written, problems)
			continue
		}
		if got := cfg.Tenants[0].Smokeball.APIKey.Reveal(); got != want {
			t.Errorf("%s: read %q, want %q", written, got, want)
		}
	}
	cfg, problems := loadIn(t, dir, "state_dir: $CREDENTIALS_DIRECTORY/x\n"+strings.Replace(minimal, "the-api-key", "$CREDENTIALS_DIRECTORY", 1), env...)
	if problems != nil {
		t.Fatal(problems)
	}
	if cfg.StateDir != filepath.Join(dir, "$CREDENTIALS_DIRECTORY/x") || cfg.Tenants[0].Smokeball.APIKey.Reveal() != "$CREDENTIALS_DIRECTORY" {
		t.Errorf("expanded where it must not be: %s", cfg.StateDir)
	}
}

// TestProblemsTellNoSecrets puts a canary into every secret, in shapes that are
// all refused, and looks for it in what is said.
func TestProblemsTellNoSecrets(t *testing.T) {
	const canary = "hunter2"
	shapes := []string{
		canary, `"` + canary + `"`, "[" + canary + "]", "{" + canary + ": " + canary + "}", "*" + canary, "&" + canary + " x", "!" + canary + " x",
		"!!int " + canary, "'" + canary, "@" + canary, "%" + canary, "`" + canary, canary + ": " + canary, "|" + canary, "!!binary " + canary, `"\` + canary + `"`,
	}
	for _, k := range []string{"client_secret", "api_key"} {
		for _, shape := range shapes {
			content := minimal + "      " + k + ": " + shape + "\nlog: {level: loud}\n"
			content = strings.Replace(content, "smokeball: {client_id: id, client_secret: the-client-secret, api_key: the-api-key}", "smokeball:\n      client_id: id", 1)
			_, problems := load(t, content)
			if len(problems) == 0 {
				t.Errorf("accepted: %s", shape)
			}
			if strings.Contains(problems.Error(), canary) && !strings.HasPrefix(shape, "{") {
				t.Errorf("%s: told: %v", shape, problems)
			}
		}
	}
}

func TestConfigurationFormatsWithoutSecrets(t *testing.T) {
	cfg := mustLoad(t, strings.Replace(minimal, "the-api-key", "hunter2", 1))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if strings.Contains(fmt.Sprintf(verb, *cfg), "hunter2") {
			t.Errorf("%s shows a secret", verb)
		}
	}
}

func TestUnreadableSecretFile(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	dir := t.TempDir()
	if err := os.Chmod(put(t, dir, "f", "x"), 0); err != nil {
		t.Fatal(err)
	}
	_, problems := loadIn(t, dir, strings.Replace(minimal, "api_key: the-api-key", "api_key_file: f", 1))
	if want := "tenants[0].smokeball.api_key_file: " + filepath.Join(dir, "f") + ": cannot be read: permission denied"; problems.Error() != want {
		t.Errorf("said %v, want %s", problems, want)
	}
}
