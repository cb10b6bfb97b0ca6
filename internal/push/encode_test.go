package push

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// emptied is a pop with no list null, as encoding/json has to be given it.
func emptied(p screenpop.Pop) screenpop.Pop {
	contacts := []screenpop.Contact{}
	for _, c := range p.Contacts {
		if c.Matters == nil {
			c.Matters = []screenpop.Matter{}
		}
		contacts = append(contacts, c)
	}
	p.Contacts = contacts
	return p
}

// Whatever is in a pop, its bytes are those of encoding/json. rapid fills every
// field there is, so that one that is new and not written is found.
func TestEncodePopIsEncodingJSON(t *testing.T) {
	times := rapid.Custom(func(t *rapid.T) time.Time {
		at := time.Unix(rapid.Int64Range(-62_135_596_800, 253_402_300_799).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		return at.In(time.FixedZone("", rapid.IntRange(-12*3600, 14*3600).Draw(t, "zone")))
	})
	pops := rapid.MakeCustom[screenpop.Pop](rapid.MakeConfig{Types: map[reflect.Type]*rapid.Generator[any]{reflect.TypeFor[time.Time](): times.AsAny()}})
	rapid.Check(t, func(t *rapid.T) {
		p := pops.Draw(t, "pop")
		want, wrong := json.Marshal(emptied(p))
		got, err := encodePop(p)
		if !bytes.Equal(got, want) || (err != nil) != (wrong != nil) {
			t.Fatalf("encoded as\n%s (%v), want\n%s (%v)", got, err, want, wrong)
		}
	})
	late := screenpop.Pop{Call: screenpop.Call{Started: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}}
	if _, err := encodePop(late); err == nil {
		t.Error("a year of five digits was encoded")
	}
}
