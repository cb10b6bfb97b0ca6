package vault

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
)

// Whatever a key file holds: it is refused, with nothing of it in the error, or it
// is keys of which each has a name of its own and opens what it has sealed.
func FuzzParseKeys(f *testing.F) {
	secret := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, keySize))
	for _, s := range []string{
		"a " + secret + "\n", "# now\na " + secret + "\n\nb " + strings.ToLower(secret) + "\n", "a " + secret + "\na " + secret, "a", "A " + secret, "a " + secret[:8],
		"a " + secret + " b", "a\t" + strings.TrimRight(secret, "="), "\x00", "",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, file string) {
		ring, err := ParseKeys(strings.NewReader(file))
		if err != nil {
			for word := range strings.FieldsSeq(file) {
				if len(word) > 40 && strings.Contains(err.Error(), word) {
					t.Errorf("it is said what is in the file: %v", err)
				}
			}
			return
		}
		ids := ring.IDs()
		if len(ids) == 0 {
			t.Fatal("no keys, and no error")
		}
		for i, id := range ids {
			if !keyID.MatchString(id) || slices.Contains(ids[:i], id) {
				t.Errorf("the keys are %q", ids)
			}
		}
		blob, err := ring.seal("tokens/x/1", 3, []byte("value"))
		if err != nil {
			t.Fatal(err)
		}
		if value, revision, err := ring.open("tokens/x/1", blob); err != nil || string(value) != "value" || revision != 3 {
			t.Errorf("%q, %d, %v", value, revision, err)
		}
	})
}
